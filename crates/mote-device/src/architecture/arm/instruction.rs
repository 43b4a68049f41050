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

/// Instructions whose class follows from their name.
const FIXED: &[(Class, &str)] = &[
    (
        Class::Alu,
        "adc add addw adr and asr bfc bfi bic clz cmn cmp eor hint it lsl lsr mov movs movt \
         movw mvn neg nop orn orr pkhbt pkhtb qadd qadd16 qadd8 qasx qdadd qdsub qsax qsub qsub16 \
         qsub8 rbit rev rev16 revsh ror rrx rsb sadd16 sadd8 sasx sbc sbfx sel shadd16 shadd8 \
         shasx shsax shsub16 shsub8 ssat ssat16 ssax ssub16 ssub8 sub subs subw sxtab sxtab16 \
         sxtah sxtb sxtb16 sxth teq tst uadd16 uadd8 uasx ubfx uhadd16 uhadd8 uhasx uhsax uhsub16 \
         uhsub8 uqadd16 uqadd8 uqasx uqsax uqsub16 uqsub8 usad8 usada8 usat usat16 usax usub16 \
         usub8 uxtab uxtab16 uxtah uxtb uxtb16 uxth",
    ),
    (
        Class::Multiply,
        "mul mla mls smulbb smulbt smultb smultt smlabb smlabt smlatb smlatt smulwb smulwt \
         smlawb smlawt",
    ),
    (
        Class::MultiplyLong,
        "smull umull smlal umlal umaal smlad smladx smlald smlaldx smlsd smlsdx smuad smuadx \
         smusd smusdx smmul smmulr smmla smmlar smmls smmlsr smlalbb smlalbt smlaltb smlaltt",
    ),
    (Class::Divide, "sdiv udiv"),
    (
        Class::Store,
        "str strb strh strex strexb strexh stl stlb stlh",
    ),
    (Class::Branch, "b"),
    (Class::CompareAndBranch, "cbz cbnz"),
    (Class::Call, "bl"),
    (Class::BranchRegister, "bx blx"),
    (Class::TableBranch, "tbb tbh"),
    (
        Class::Float,
        "vabs vadd vcmp vcmpe vcvt vcvta vcvtb vcvtm vcvtn vcvtp vcvtr vcvtt vmaxnm vminnm \
         vmov vmrs vmsr vmul vneg vnmul vrinta vrintm vrintn vrintp vrintr vrintx vrintz \
         vseleq vselge vselgt vselvs vsub fmstat fconsts",
    ),
    (
        Class::FloatMac,
        "vfma vfms vfnma vfnms vmla vmls vnmla vnmls",
    ),
    (Class::FloatDivide, "vdiv vsqrt"),
    (Class::System, "mrs msr cps dmb dsb isb clrex"),
];

impl Code {
    /// Reads the code of the ELF image in `bytes`.
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

    /// Makes code of sections given as `(address, bytes)`.
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

/// Returns the class of the instruction called `name`.
fn classify(name: &str, operands: &[ArmOperand]) -> Option<Class> {
    let first = operands.first().and_then(register);
    let listed = || operands.iter().filter_map(register);
    let count = listed().count() as u32;
    // Words moved by float instructions that list `registers` of them.
    let words = |registers: u32| registers * (1 + u32::from(listed().any(is_double)));
    let multiple = |registers: u32| match listed().any(|r| r == PC) {
        true => Class::LoadAndJump(registers),
        false => Class::LoadMultiple(registers),
    };
    Some(match name {
        "ldr" | "ldrb" | "ldrh" | "ldrsb" | "ldrsh" | "ldrex" | "ldrexb" | "ldrexh" | "lda"
        | "ldab" | "ldah" => match first? {
            PC => Class::LoadAndJump(1),
            to => Class::Load { to },
        },
        "ldrd" => Class::LoadMultiple(2),
        "strd" => Class::StoreMultiple(2),
        "pop" => multiple(count),
        "push" => Class::StoreMultiple(count),
        // The first register is the base.
        "ldm" | "ldmdb" => multiple(count.checked_sub(1)?),
        "stm" | "stmdb" => Class::StoreMultiple(count.checked_sub(1)?),
        "vldr" => Class::FloatLoad(words(1)),
        "vstr" => Class::FloatStore(words(1)),
        "vpop" => Class::FloatLoad(words(count)),
        "vpush" => Class::FloatStore(words(count)),
        "vldmia" | "vldmdb" => Class::FloatLoad(words(count.checked_sub(1)?)),
        "vstmia" | "vstmdb" => Class::FloatStore(words(count.checked_sub(1)?)),
        _ => {
            let has = |names: &str| names.split(' ').any(|n| n == name);
            let (class, _) = FIXED.iter().find(|(_, names)| has(names))?;
            match (class, first) {
                (Class::Alu, Some(PC)) => Class::BranchRegister,
                _ => *class,
            }
        }
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
