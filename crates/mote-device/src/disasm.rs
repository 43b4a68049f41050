//! Executed instructions as the classes that core timings are published for.

use crate::Error;
use capstone::Capstone;
use capstone::arch::arm::{ArchExtraMode, ArchMode, ArmOperand, ArmOperandType, ArmReg};
use capstone::arch::{BuildsCapstone, BuildsCapstoneExtraMode, DetailsArchInsn};
use object::{Object, ObjectSection, SectionKind};

/// What an instruction does, as far as its time depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// One pass through the integer unit: arithmetic, logic, moves, saturation, packed arithmetic, `IT`.
    Alu,
    /// 32-bit product, with or without accumulation.
    Multiply,
    /// Packed or 64-bit product, with or without accumulation.
    MultiplyLong,
    /// Integer division.
    Divide,
    /// Load of one word or less into `to`.
    Load {
        /// Register loaded.
        to: u16,
    },
    /// Store of one word or less.
    Store,
    /// Load of several words.
    LoadMultiple(u32),
    /// Store of several words.
    StoreMultiple(u32),
    /// `POP`, `LDM` or `LDR` of that many words that ends in a jump.
    LoadAndJump(u32),
    /// Direct jump, conditional or not.
    Branch,
    /// `CBZ`, `CBNZ`.
    CompareAndBranch,
    /// `BL`.
    Call,
    /// `BX`, `BLX`, and arithmetic on the program counter.
    BranchRegister,
    /// `TBB`, `TBH`.
    TableBranch,
    /// Float addition, product, comparison, conversion, move.
    Float,
    /// Float product and sum in one.
    FloatMac,
    /// Float division or square root.
    FloatDivide,
    /// Load of that many words into float registers.
    FloatLoad(u32),
    /// Store of that many words from float registers.
    FloatStore(u32),
    /// Access to special registers, barriers.
    System,
}

/// A decoded instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Where it lies.
    pub address: u32,
    /// Its length in bytes.
    pub size: u32,
    /// What it does.
    pub class: Class,
    /// Registers a load or store uses: base, index, and what a store writes.
    pub uses: Vec<u16>,
}

/// The code of an image.
pub struct Code {
    capstone: Capstone,
    /// `(address, bytes)` of each code section.
    sections: Vec<(u32, Vec<u8>)>,
}

const ALU: &str = "adc add addw adr and asr bfc bfi bic clz cmn cmp eor hint it lsl lsr mov movs movt movw \
    mvn neg nop orn orr pkhbt pkhtb qadd qadd16 qadd8 qdadd qdsub qsub qsub16 qsub8 rbit \
    rev rev16 revsh ror rrx rsb sadd16 sadd8 sbc sbfx sel shadd16 shadd8 ssat ssat16 ssub16 \
    ssub8 sub subs subw sxtab sxtab16 sxtah sxtb sxtb16 sxth teq tst uadd16 uadd8 ubfx usat \
    usat16 usub16 usub8 uxtab uxtab16 uxtah uxtb uxtb16 uxth";
const MULTIPLY: &str = "mul mla mls smulbb smulbt smultb smultt smlabb smlabt smlatb smlatt smulwb smulwt \
    smlawb smlawt";
const MULTIPLY_LONG: &str = "smull umull smlal umlal umaal smlad smladx smlald smlaldx smlsd smlsdx smuad smuadx \
    smusd smusdx smmul smmulr smmla smmlar smmls smmlsr smlalbb smlalbt smlaltb smlaltt";
const DIVIDE: &str = "sdiv udiv";
const LOAD: &str = "ldr ldrb ldrh ldrsb ldrsh ldrex ldrexb ldrexh lda ldab ldah";
const STORE: &str = "str strb strh strex strexb strexh stl stlb stlh";
const LOAD_MULTIPLE: &str = "ldm ldmdb pop";
const STORE_MULTIPLE: &str = "stm stmdb push";
const COMPARE_AND_BRANCH: &str = "cbz cbnz";
const BRANCH_REGISTER: &str = "bx blx";
const TABLE_BRANCH: &str = "tbb tbh";
const FLOAT: &str = "vabs vadd vcmp vcmpe vcvt vcvta vcvtb vcvtm vcvtn vcvtp vcvtr vcvtt vmaxnm vminnm vmov \
    vmrs vmsr vmul vneg vnmul vrinta vrintm vrintn vrintp vrintr vrintx vrintz vseleq \
    vselge vselgt vselvs vsub fmstat fconsts";
const FLOAT_MAC: &str = "vfma vfms vfnma vfnms vmla vmls vnmla vnmls";
const FLOAT_DIVIDE: &str = "vdiv vsqrt";
const FLOAT_LOAD: &str = "vldr vldmia vldmdb vpop";
const FLOAT_STORE: &str = "vstr vstmia vstmdb vpush";
const SYSTEM: &str = "mrs msr cps dmb dsb isb clrex";

impl Code {
    /// The code of the ELF image in `bytes`.
    ///
    /// # Errors
    /// What is wrong with the image.
    pub fn of_image(bytes: &[u8]) -> Result<Self, String> {
        let file = object::File::parse(bytes).map_err(|e| e.to_string())?;
        let mut sections = Vec::new();
        for section in file.sections().filter(|s| s.kind() == SectionKind::Text) {
            let data = section.data().map_err(|e| e.to_string())?;
            sections.push((section.address() as u32, data.to_vec()));
        }
        Self::new(sections)
    }

    /// Code given as `(address, bytes)`.
    ///
    /// # Errors
    /// When the disassembler cannot start.
    pub fn new(sections: Vec<(u32, Vec<u8>)>) -> Result<Self, String> {
        let capstone = Capstone::new()
            .arm()
            .mode(ArchMode::Thumb)
            .extra_mode([ArchExtraMode::MClass, ArchExtraMode::V8].into_iter())
            .detail(true)
            .build()
            .map_err(|e| e.to_string())?;
        Ok(Self { capstone, sections })
    }

    /// Decodes the instruction at `address`.
    ///
    /// # Errors
    /// [`Error::UnknownInstruction`] when there is none, or none whose class is known.
    pub fn decode(&self, address: u32) -> Result<Instruction, Error> {
        let unknown = |text: &str| Error::UnknownInstruction {
            address,
            text: text.to_owned(),
        };
        let bytes = self
            .sections
            .iter()
            .find_map(|(start, bytes)| bytes.get(address.checked_sub(*start)? as usize..))
            .ok_or_else(|| unknown("no code"))?;
        let decoded = self
            .capstone
            .disasm_count(bytes, u64::from(address), 1)
            .map_err(|e| unknown(&e.to_string()))?;
        let insn = decoded
            .first()
            .ok_or_else(|| unknown("not an instruction"))?;
        let text = || {
            format!(
                "{} {}",
                insn.mnemonic().unwrap_or("?"),
                insn.op_str().unwrap_or("")
            )
        };
        let detail = self
            .capstone
            .insn_detail(insn)
            .map_err(|e| unknown(&e.to_string()))?;
        let arch = detail.arch_detail();
        let arm = arch.arm().ok_or_else(|| unknown(&text()))?;
        let operands: Vec<_> = arm.operands().collect();
        let name = self.capstone.insn_name(insn.id()).unwrap_or_default();
        let class = classify(&name, &operands).ok_or_else(|| unknown(&text()))?;
        Ok(Instruction {
            address,
            size: insn.len() as u32,
            uses: used_registers(&class, &operands),
            class,
        })
    }
}

fn register(operand: &ArmOperand) -> Option<u16> {
    match operand.op_type {
        ArmOperandType::Reg(register) => Some(register.0),
        _ => None,
    }
}

const PC: u16 = ArmReg::ARM_REG_PC as u16;

fn classify(name: &str, operands: &[ArmOperand]) -> Option<Class> {
    let is = |set: &str| set.split(' ').any(|member| member == name);
    let first = operands.first().and_then(register);
    let listed = operands.iter().filter_map(register);
    // `LDM` and `STM` name their base first; `PUSH` and `POP` do not.
    let based = !is("push pop vpush vpop");
    let words = || listed.clone().count() as u32 - u32::from(based);
    let float_words = || {
        let registers = match is("vldr vstr") {
            true => 1,
            false => words(),
        };
        let doubles = listed.clone().any(is_double);
        registers * (1 + u32::from(doubles))
    };
    Some(if is(ALU) {
        match first {
            Some(PC) => Class::BranchRegister,
            _ => Class::Alu,
        }
    } else if is(MULTIPLY) {
        Class::Multiply
    } else if is(MULTIPLY_LONG) {
        Class::MultiplyLong
    } else if is(DIVIDE) {
        Class::Divide
    } else if is(LOAD) {
        match first? {
            PC => Class::LoadAndJump(1),
            to => Class::Load { to },
        }
    } else if is(STORE) {
        Class::Store
    } else if is("ldrd") {
        Class::LoadMultiple(2)
    } else if is("strd") {
        Class::StoreMultiple(2)
    } else if is(LOAD_MULTIPLE) {
        if listed.clone().any(|r| r == PC) {
            Class::LoadAndJump(words())
        } else {
            Class::LoadMultiple(words())
        }
    } else if is(STORE_MULTIPLE) {
        Class::StoreMultiple(words())
    } else if is("b") {
        Class::Branch
    } else if is(COMPARE_AND_BRANCH) {
        Class::CompareAndBranch
    } else if is("bl") {
        Class::Call
    } else if is(BRANCH_REGISTER) {
        Class::BranchRegister
    } else if is(TABLE_BRANCH) {
        Class::TableBranch
    } else if is(FLOAT) {
        Class::Float
    } else if is(FLOAT_MAC) {
        Class::FloatMac
    } else if is(FLOAT_DIVIDE) {
        Class::FloatDivide
    } else if is(FLOAT_LOAD) {
        Class::FloatLoad(float_words())
    } else if is(FLOAT_STORE) {
        Class::FloatStore(float_words())
    } else if is(SYSTEM) {
        Class::System
    } else {
        return None;
    })
}

fn is_double(register: u16) -> bool {
    (ArmReg::ARM_REG_D0 as u16..=ArmReg::ARM_REG_D31 as u16).contains(&register)
}

fn used_registers(class: &Class, operands: &[ArmOperand]) -> Vec<u16> {
    let mut uses = Vec::new();
    for operand in operands {
        if let ArmOperandType::Mem(memory) = operand.op_type {
            uses.extend([memory.base().0, memory.index().0]);
        }
    }
    if *class == Class::Store {
        uses.extend(operands.first().and_then(register));
    }
    uses
}
