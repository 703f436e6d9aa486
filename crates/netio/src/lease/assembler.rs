//! An assembler for BPF programs that fit on a page: registers, labels, forward jumps.
//!
//! Instructions and their encoding: Linux, `Documentation/bpf/standardization/instruction-set.rst`.

/// A register. `R1` to `R5` carry arguments and are lost in a call, `R6` to `R9` survive it, `R0`
/// is the result, `R10` the end of the stack frame (read only).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Register {
    R0 = 0,
    R1 = 1,
    R2 = 2,
    R3 = 3,
    R4 = 4,
    R5 = 5,
    R6 = 6,
    R7 = 7,
    R8 = 8,
    R9 = 9,
    R10 = 10,
}

/// Bytes that a load or store moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Width {
    W8 = 0x10,
    W16 = 0x08,
    W32 = 0x00,
    W64 = 0x18,
}

/// What a conditional jump compares, unsigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum When {
    Equal = 0x10,
    NotEqual = 0x50,
    AtLeast = 0x30,
    Less = 0xa0,
}

/// A place in the program, to jump to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label(usize);

/// `struct bpf_insn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

const CLASS_LD: u8 = 0x00;
const CLASS_LDX: u8 = 0x01;
const CLASS_ST: u8 = 0x02;
const CLASS_STX: u8 = 0x03;
const CLASS_JMP: u8 = 0x05;
const CLASS_ALU64: u8 = 0x07;
const MODE_IMM: u8 = 0x00;
const MODE_MEM: u8 = 0x60;
const FROM_REGISTER: u8 = 0x08;
const ALU_ADD: u8 = 0x00;
const ALU_SUB: u8 = 0x10;
const ALU_AND: u8 = 0x50;
const ALU_LSH: u8 = 0x60;
const ALU_MOV: u8 = 0xb0;
const JMP_CALL: u8 = 0x80;
const JMP_EXIT: u8 = 0x90;
/// `BPF_PSEUDO_MAP_FD`: the immediate is a map's descriptor.
const PSEUDO_MAP_FD: u8 = 1;

/// A program in the making.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    code: Vec<Instruction>,
    /// Instructions whose offset waits for a label.
    jumps: Vec<(usize, Label)>,
    labels: Vec<Option<usize>>,
}

impl Assembler {
    /// A label that is placed later.
    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Puts a label before the next instruction.
    pub(super) fn place(&mut self, label: Label) {
        self.labels[label.0] = Some(self.code.len());
    }

    /// `to = value`
    pub(super) fn set(&mut self, to: Register, value: i32) {
        self.emit(CLASS_ALU64 | ALU_MOV, to, 0, 0, value);
    }

    /// `to = value`, of 64 bits.
    pub(super) fn set_wide(&mut self, to: Register, value: u64) {
        self.wide(to, 0, value);
    }

    /// `to =` the map of this descriptor.
    pub(super) fn set_map(&mut self, to: Register, descriptor: i32) {
        self.wide(to, PSEUDO_MAP_FD, u64::from(descriptor.cast_unsigned()));
    }

    /// `to = from`
    pub(super) fn copy(&mut self, to: Register, from: Register) {
        let code = CLASS_ALU64 | ALU_MOV | FROM_REGISTER;
        self.emit(code, to, from as u8, 0, 0);
    }

    /// `to += value`
    pub(super) fn add(&mut self, to: Register, value: i32) {
        self.emit(CLASS_ALU64 | ALU_ADD, to, 0, 0, value);
    }

    /// `to &= value`
    pub(super) fn mask(&mut self, to: Register, value: i32) {
        self.emit(CLASS_ALU64 | ALU_AND, to, 0, 0, value);
    }

    /// `to <<= bits`
    pub(super) fn shift_left(&mut self, to: Register, bits: i32) {
        self.emit(CLASS_ALU64 | ALU_LSH, to, 0, 0, bits);
    }

    /// `to -= other`
    pub(super) fn subtract(&mut self, to: Register, other: Register) {
        let code = CLASS_ALU64 | ALU_SUB | FROM_REGISTER;
        self.emit(code, to, other as u8, 0, 0);
    }

    /// `to = *(base + offset)`
    pub(super) fn load(&mut self, width: Width, to: Register, base: Register, offset: i16) {
        let code = CLASS_LDX | MODE_MEM | width as u8;
        self.emit(code, to, base as u8, offset, 0);
    }

    /// `*(base + offset) = from`
    pub(super) fn store(&mut self, width: Width, base: Register, offset: i16, from: Register) {
        let code = CLASS_STX | MODE_MEM | width as u8;
        self.emit(code, base, from as u8, offset, 0);
    }

    /// `*(base + offset) = value`
    pub(super) fn store_value(&mut self, width: Width, base: Register, offset: i16, value: i32) {
        let code = CLASS_ST | MODE_MEM | width as u8;
        self.emit(code, base, 0, offset, value);
    }

    /// `goto label`
    pub(super) fn jump(&mut self, label: Label) {
        self.jumps.push((self.code.len(), label));
        self.emit(CLASS_JMP, Register::R0, 0, 0, 0);
    }

    /// `if left (when) value goto label`
    pub(super) fn jump_if(&mut self, left: Register, when: When, value: i32, label: Label) {
        self.jumps.push((self.code.len(), label));
        self.emit(CLASS_JMP | when as u8, left, 0, 0, value);
    }

    /// `if left (when) right goto label`
    pub(super) fn jump_if_register(
        &mut self,
        left: Register,
        when: When,
        right: Register,
        label: Label,
    ) {
        self.jumps.push((self.code.len(), label));
        let code = CLASS_JMP | when as u8 | FROM_REGISTER;
        self.emit(code, left, right as u8, 0, 0);
    }

    /// Calls a helper of the kernel (`linux/bpf.h`, `__BPF_FUNC_MAPPER`).
    pub(super) fn call(&mut self, helper: i32) {
        self.emit(CLASS_JMP | JMP_CALL, Register::R0, 0, 0, helper);
    }

    /// `return value`
    pub(super) fn finish(&mut self, value: i32) {
        self.set(Register::R0, value);
        self.leave();
    }

    /// `return R0`
    pub(super) fn leave(&mut self) {
        self.emit(CLASS_JMP | JMP_EXIT, Register::R0, 0, 0, 0);
    }

    /// The program.
    pub(super) fn assemble(mut self) -> Vec<Instruction> {
        for (from, label) in &self.jumps {
            let to = self.labels[label.0].expect("every label that is jumped to is placed");
            // An offset counts from the instruction after the jump.
            self.code[*from].offset = i16::try_from(to - from - 1)
                .expect("jumps lead forward, in programs of less than 32768 instructions");
        }
        self.code
    }

    fn wide(&mut self, to: Register, source: u8, value: u64) {
        let code = CLASS_LD | MODE_IMM | Width::W64 as u8;
        let half = |bits: u64| ((bits & u64::from(u32::MAX)) as u32).cast_signed();
        self.emit(code, to, source, 0, half(value));
        self.emit(0, Register::R0, 0, 0, half(value >> 32));
    }

    fn emit(&mut self, code: u8, to: Register, from: u8, offset: i16, immediate: i32) {
        // A bit field in C: the first of the two is in the low half where bytes are little-endian.
        let registers = if cfg!(target_endian = "little") {
            to as u8 | from << 4
        } else {
            from | (to as u8) << 4
        };
        self.code.push(Instruction {
            code,
            registers,
            offset,
            immediate,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_counts_from_the_instruction_after_it_and_a_wide_value_is_two() {
        let mut assembler = Assembler::default();
        let end = assembler.label();
        assembler.jump_if(Register::R1, When::Equal, 7, end);
        assembler.set_wide(Register::R2, 0x1_0000_0002);
        assembler.place(end);
        assembler.finish(0);
        let code = assembler.assemble();
        assert_eq!(code.len(), 5);
        assert_eq!(
            (code[0].code, code[0].offset, code[0].immediate),
            (0x15, 2, 7)
        );
        assert_eq!((code[1].code, code[1].immediate), (0x18, 2));
        assert_eq!((code[2].code, code[2].immediate), (0, 1));
        assert_eq!((code[3].code, code[4].code), (0xb7, 0x95));
    }
}
