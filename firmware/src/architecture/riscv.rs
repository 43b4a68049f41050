//! RISC-V, started by `riscv-rt`.

#[cfg(feature = "heap")]
use riscv as _;
use riscv_rt as _;

/// Makes a block the program. It sees each static as a `&mut` of the same name, for it runs once.
#[macro_export]
macro_rules! entry {
    ($(static mut $name:ident: $type:ty = $value:expr;)* $body:block) => {
        #[riscv_rt::entry]
        fn main() -> ! {
            $(
                #[allow(non_snake_case, reason = "named like the static")]
                let $name = {
                    static mut $name: $type = $value;
                    // SAFETY: the only reference there is: the program is entered once.
                    unsafe { &mut *(&raw mut $name) }
                };
            )*
            $body
        }
    };
}

/// Where the start-up crate takes exceptions: an application of its own would say so here.
#[unsafe(no_mangle)]
extern "C" fn _dispatch_exception() -> ! {
    loop {}
}

/// Where it takes interrupts, of which none is enabled.
#[unsafe(no_mangle)]
extern "C" fn _dispatch_core_interrupt() -> ! {
    loop {}
}
