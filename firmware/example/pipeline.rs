// The smallest pipeline: a dense int8 layer of two outputs over four samples, to build and test the firmware
// with. Real ones are generated.

pub type Elem = i8;
pub type Out = i8;
pub const INPUT_LEN: usize = 4;
pub const OUTPUT_LEN: usize = 2;

mod model_data {
    pub static WEIGHTS: [[i8; 4]; 2] = [[1, -2, 3, -4], [5, 6, 7, 8]];
}

pub struct Pipeline {
    input: [Elem; INPUT_LEN],
    output: [Out; OUTPUT_LEN],
}

impl Pipeline {
    pub const fn new() -> Self {
        Self {
            input: [0; INPUT_LEN],
            output: [0; OUTPUT_LEN],
        }
    }

    pub fn init(&mut self) -> Result<(), mote::Error> {
        Ok(())
    }

    pub fn input(&mut self) -> &mut [Elem] {
        &mut self.input
    }

    pub fn run(&mut self) -> Result<bool, mote::Error> {
        for (out, row) in self.output.iter_mut().zip(&model_data::WEIGHTS) {
            *out = layer_00_dense(row, &self.input);
        }
        Ok(true)
    }

    pub fn output(&self) -> &[Out] {
        &self.output
    }
}

#[inline(never)]
fn layer_00_dense(row: &[i8; 4], input: &[i8; 4]) -> i8 {
    let products = row.iter().zip(input).map(|(&w, &x)| i32::from(w) * i32::from(x));
    let sum: i32 = products.sum();
    (sum >> 4).clamp(-128, 127) as i8
}
