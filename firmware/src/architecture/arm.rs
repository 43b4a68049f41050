//! Cortex-M, started by `cortex-m-rt`.

#[cfg(feature = "heap")]
use cortex_m as _;
use cortex_m_rt as _;

/// Makes a block the program. It sees each static as a `&mut` of the same name, for it runs once.
#[macro_export]
macro_rules! entry {
    ($(static mut $name:ident: $type:ty = $value:expr;)* $body:block) => {
        #[cortex_m_rt::entry]
        fn main() -> ! {
            $(static mut $name: $type = $value;)*
            $body
        }
    };
}

/// The vector table behind the core's exceptions. One entry, because the linker script asks for some: the
/// sensor's data-ready line of a real board.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
pub static __INTERRUPTS: [unsafe extern "C" fn(); 1] = {
    unsafe extern "C" {
        fn DefaultHandler();
    }
    [DefaultHandler]
};
