// Uses about 32 bytes of stack per unit of its input, and as much more as its frames need.

pub type Elem = i8;
pub type Out = i8;
pub const INPUT_LEN: usize = 1;
pub const OUTPUT_LEN: usize = 1;

pub struct Pipeline {
    input: [Elem; 1],
    output: [Out; 1],
}

impl Pipeline {
    pub const fn new() -> Self {
        Self {
            input: [0],
            output: [0],
        }
    }

    pub fn init(&mut self) -> Result<(), mote::Error> {
        Ok(())
    }

    pub fn input(&mut self) -> &mut [Elem] {
        &mut self.input
    }

    pub fn run(&mut self) -> Result<bool, mote::Error> {
        self.output[0] = descend(i32::from(self.input[0]));
        Ok(true)
    }

    pub fn output(&self) -> &[Out] {
        &self.output
    }
}

#[inline(never)]
fn descend(depth: i32) -> i8 {
    let mut words = [0u32; 8];
    for (i, word) in words.iter_mut().enumerate() {
        // SAFETY: a local. Volatile, so that the words really lie on the stack.
        unsafe { (word as *mut u32).write_volatile(i as u32) }
    }
    let deeper = if depth > 0 { descend(depth - 1) } else { 0 };
    // SAFETY: as above.
    let first = unsafe { (&raw const words[0]).read_volatile() };
    deeper.wrapping_add(first as i8).wrapping_add(1)
}
