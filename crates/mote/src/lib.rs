//! The no_std inference engine of Mote.
#![no_std]
