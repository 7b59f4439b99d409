//! The files of the circom world: known bytes, round trips, and hostile files.

use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField, UniformRand};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use veilpass_circuits::attest::PRIVATE_INPUTS;
use veilpass_circuits::shape::Matrices;
use veilpass_circuits::{Attest, Circuit};
use veilpass_params::circom::{
    FormatError, R1cs, Symbol, read_r1cs, read_sym, read_wtns, symbols, write_r1cs, write_sym, write_wtns,
};
use veilpass_protocol::field::Fr;

/// The example of iden3's specification, byte by byte; `+` fills a number up to 32 bytes.
const EXAMPLE: &str = "
    72316373 01000000 03000000
    01000000 4000000000000000
    20000000 010000f093f5e1439170b97948e833285d588181b64550b829a031e1724e6430
    07000000 01000000 02000000 03000000 e803000000000000 03000000
    02000000 8802000000000000
    02000000 05000000 03+ 06000000 08+
    03000000 00000000 02+ 02000000 14+ 03000000 0c+
    02000000 00000000 05+ 02000000 07+
    03000000 01000000 04+ 04000000 08+ 05000000 03+
    02000000 03000000 2c+ 06000000 06+
    00000000
    01000000 06000000 04+
    03000000 00000000 06+ 02000000 0b+ 03000000 05+
    01000000 06000000 5802+
    03000000 3800000000000000
    0000000000000000 0300000000000000 0a00000000000000 0b00000000000000
    0c00000000000000 0f00000000000000 4401000000000000";

/// What circom 2.2.3 made, without simplification, of
/// `out <== public_in * private_in + 3; private_in * (private_in - 1) === 0;`
const BY_CIRCOM: &str = "
    72316373 01000000 03000000
    02000000 1401000000000000
    01000000 02000000 000000f093f5e1439170b97948e833285d588181b64550b829a031e1724e6430
    01000000 03000000 01+
    02000000 00000000 03+ 01000000 000000f093f5e1439170b97948e833285d588181b64550b829a031e1724e6430
    02000000 00000000 000000f093f5e1439170b97948e833285d588181b64550b829a031e1724e6430 03000000 01+
    01000000 03000000 01+
    00000000
    01000000 4000000000000000
    20000000 010000f093f5e1439170b97948e833285d588181b64550b829a031e1724e6430
    04000000 01000000 01000000 01000000 0400000000000000 02000000
    03000000 2000000000000000
    0000000000000000 0100000000000000 0200000000000000 0300000000000000";

fn fr(n: u64) -> Fr {
    Fr::from(n)
}

fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for word in text.split_whitespace() {
        let (digits, padded) = word.strip_suffix('+').map_or((word, false), |digits| (digits, true));
        let read: Vec<u8> = (0..digits.len() / 2)
            .map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap())
            .collect();
        out.extend(&read);
        out.extend(vec![0; if padded { 32 - read.len() } else { 0 }]);
    }
    out
}

/// What the specification says that its example is.
fn example() -> R1cs {
    let of = |entries: &[(u64, usize)]| entries.iter().map(|(c, wire)| (fr(*c), *wire)).collect::<Vec<_>>();
    let a = vec![of(&[(3, 5), (8, 6)]), of(&[(4, 1), (8, 4), (3, 5)]), of(&[(4, 6)])];
    let b = vec![of(&[(2, 0), (20, 2), (12, 3)]), of(&[(44, 3), (6, 6)]), of(&[(6, 0), (11, 2), (5, 3)])];
    let c = vec![of(&[(5, 0), (7, 2)]), of(&[]), of(&[(600, 6)])];
    R1cs {
        matrices: Matrices { abc: [a, b, c], inputs: 4, wires: 7 },
        outputs: 1,
        public_inputs: 2,
        private_inputs: 3,
        labels: vec![0, 3, 10, 11, 12, 15, 324],
        label_count: 1000,
    }
}

#[test]
fn the_specifications_example() {
    let known = bytes(EXAMPLE);
    assert_eq!(read_r1cs(&known).unwrap(), example());
    assert_eq!(write_r1cs(&example()), known);
    // Its labels are arbitrary, so what circom's header counts cannot be found among the wires.
    let inputs = example().inputs().unwrap_err();
    assert!(matches!(&inputs, FormatError::Inputs(why) if why.contains("wire 1") && why.contains("label 3")));
}

/// Its compiler puts the header after the rows.
#[test]
fn a_file_that_circom_made() {
    let minus = -fr(1);
    let a = vec![vec![(minus, 2)], vec![(minus, 0), (fr(1), 3)]];
    let b = vec![vec![(fr(1), 3)], vec![(fr(1), 3)]];
    let c = vec![vec![(fr(3), 0), (minus, 1)], vec![]];
    let mut expected = R1cs::new(Matrices { abc: [a, b, c], inputs: 3, wires: 4 }, 1);
    (expected.outputs, expected.public_inputs) = (1, 1);
    assert_eq!(read_r1cs(&bytes(BY_CIRCOM)), Ok(expected.clone()));
    assert!(expected.matrices.holds(0, &[fr(1), fr(5 * 7 + 3), fr(5), fr(7)]));
    assert!(!expected.matrices.holds(1, &[fr(1), fr(5 * 7 + 3), fr(5), fr(7)]));
}

#[test]
fn attest_v1_comes_back() {
    let r1cs = R1cs::new(Attest.shape().matrices().clone(), PRIVATE_INPUTS);
    assert_eq!((r1cs.outputs, r1cs.public_inputs, r1cs.private_inputs), (0, 14, 93));
    let back = read_r1cs(&write_r1cs(&r1cs)).unwrap();
    assert_eq!(back, r1cs);
    for (ours, theirs) in Attest.shape().matrices().abc.iter().zip(&back.matrices.abc) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(back.matrices.digest(), Attest.shape().digest());
}

/// One defect each, and the error that names it.
#[test]
fn defects_have_names() {
    let good = bytes(EXAMPLE);
    let at = |place: usize, new: &[u8]| {
        let mut bad = good.clone();
        bad[place..place + new.len()].copy_from_slice(new);
        read_r1cs(&bad).unwrap_err()
    };
    // 12 bytes of file header, 12 of section header, 64 of header, 12 of section header: the rows.
    let (header, rows, labels) = (24, 100, 760);
    assert_eq!(at(0, b"wtns"), FormatError::Magic("r1cs"));
    assert_eq!(at(4, &[2]), FormatError::Version(2));
    assert_eq!(at(8, &[4]), FormatError::Truncated("the list of sections"));
    assert_eq!(at(8, &[2]), FormatError::Trailing("the list of sections"));
    assert_eq!(at(12, &[2]), FormatError::SectionTwice(2));
    assert_eq!(at(12, &[9]), FormatError::SectionMissing(1));
    assert_eq!(at(rows - 12, &[9]), FormatError::SectionMissing(2));
    assert_eq!(at(labels - 12, &[9]), FormatError::SectionMissing(3));
    assert_eq!(at(rows - 8, &[0xff; 8]), FormatError::Truncated("the list of sections"));
    assert_eq!(at(header, &[31]), FormatError::FieldSize(31));
    assert_eq!(at(header, &[0xff; 4]), FormatError::FieldSize(u32::MAX));
    let bls = bytes("01000000fffffffffe5bfeff02a4bd5305d8a10908d83933487d9d2953a7ed73");
    let prime = "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001".into();
    assert_eq!(at(header + 4, &bls), FormatError::Prime(prime));
    assert_eq!(at(header + 36, &[3]), FormatError::Counts("fewer wires than public inputs and outputs"));
    assert_eq!(
        at(header + 40, &[0xff; 12]),
        FormatError::Counts("fewer wires than public inputs and outputs")
    );
    assert_eq!(at(header + 48, &[0xff; 4]), FormatError::Counts("fewer labels than inputs and outputs"));
    assert_eq!(at(header + 36, &[0xff; 4]), FormatError::Truncated("the labels"));
    assert_eq!(at(header + 36, &[8]), FormatError::Truncated("the labels"));
    assert_eq!(at(header + 52, &[0, 0]), FormatError::Counts("fewer labels than inputs and outputs"));
    assert_eq!(at(header + 52, &[0x44, 1]), FormatError::Label(6));
    assert_eq!(at(header + 60, &[4]), FormatError::Truncated("the rows"));
    assert_eq!(at(header + 60, &[2]), FormatError::Trailing("the rows"));
    assert_eq!(at(header + 60, &[0xff; 4]), FormatError::Truncated("the rows"));
    assert_eq!(at(rows, &[0xff; 4]), FormatError::NoSuchWire { row: 0, wire: 600 }, "read on as entries");
    assert_eq!(at(rows + 4, &[7]), FormatError::NoSuchWire { row: 0, wire: 7 });
    assert_eq!(at(rows + 4, &[0xff; 4]), FormatError::NoSuchWire { row: 0, wire: u32::MAX });
    assert_eq!(at(rows + 4, &[6]), FormatError::WireTwice { row: 0, wire: 6 });
    assert_eq!(at(rows + 8, &Fr::MODULUS.to_bytes_le()), FormatError::NotCanonical("the rows"));
    assert_eq!(at(rows + 8, &[0xff; 32]), FormatError::NotCanonical("the rows"));
    assert_eq!(at(labels, &[1]), FormatError::Label(0));
    assert_eq!(at(labels + 8, &[0]), FormatError::Label(1));
    let sectioned = |extra: &[u8]| {
        let mut file = [&good[..], extra].concat();
        file[8] = 4;
        read_r1cs(&file)
    };
    assert_eq!(sectioned(&bytes("04000000 0400000000000000 01000000")), Err(FormatError::CustomGates));
    assert_eq!(sectioned(&bytes("05000000 0000000000000000")), Err(FormatError::CustomGates));
    assert_eq!(sectioned(&bytes("04000000 0400000000000000 00000000")), Ok(example()), "no custom gate");
    assert_eq!(sectioned(&bytes("09000000 0300000000000000 ffffff")), Ok(example()), "unknown: skipped");
    assert_eq!(read_r1cs(&[&good[..], &[0]].concat()), Err(FormatError::Trailing("the list of sections")));
}

/// What the format leaves open and means the same.
#[test]
fn equal_files_in_other_words() {
    let good = bytes(EXAMPLE);
    let (first, header, rows, labels) = (&good[..12], &good[12..88], &good[88..748], &good[748..]);
    for order in [[labels, rows, header], [rows, header, labels], [header, labels, rows]] {
        assert_eq!(read_r1cs(&[first, order[0], order[1], order[2]].concat()), Ok(example()));
    }
    // The two entries of the first combination exchanged.
    let exchanged = [&good[..104], &good[140..176], &good[104..140], &good[176..]].concat();
    assert_ne!(exchanged, good);
    assert_eq!(read_r1cs(&exchanged), Ok(example()));
    // A zero coefficient is no entry.
    let mut zero = good.clone();
    zero[108] = 0;
    let mut expected = example();
    expected.matrices.abc[0][0].remove(0);
    assert_eq!(read_r1cs(&zero), Ok(expected));
}

/// A file that is read can be written, and comes back; nothing panics.
fn read_or_refused(file: &[u8]) -> bool {
    match read_r1cs(file) {
        Ok(r1cs) => {
            assert_eq!(read_r1cs(&write_r1cs(&r1cs)).as_ref(), Ok(&r1cs));
            let Matrices { abc, inputs, wires } = &r1cs.matrices;
            assert!(inputs <= wires && r1cs.labels.len() == *wires && *wires * 8 <= file.len());
            assert!(abc.iter().all(|m| m.len() == r1cs.matrices.rows()));
            for row in abc.iter().flatten() {
                assert!(row.iter().all(|(c, wire)| wire < wires && *c != Fr::ZERO));
                assert!(row.windows(2).all(|pair| pair[0].1 < pair[1].1));
            }
            true
        }
        Err(_) => false,
    }
}

#[test]
fn every_truncation_is_refused() {
    let r1cs = bytes(EXAMPLE);
    for length in 0..r1cs.len() {
        assert!(!read_or_refused(&r1cs[..length]), "{length} bytes");
    }
    let wtns = write_wtns(&[fr(1), fr(5), fr(7)]);
    for length in 0..wtns.len() {
        assert!(read_wtns(&wtns[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn mutated_files_are_read_or_refused() {
    let good = bytes(EXAMPLE);
    let (mut read, mut refused) = (0, 0);
    let mut count = |file: &[u8]| if read_or_refused(file) { read += 1 } else { refused += 1 };
    for place in 0..good.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff, good[place] ^ 1, good[place].wrapping_add(1)] {
            let mut bad = good.clone();
            bad[place] = value;
            count(&bad);
        }
    }
    let mut rng = StdRng::seed_from_u64(1);
    for _ in 0..20_000 {
        let mut bad = good.clone();
        for _ in 0..rng.gen_range(1..4) {
            let (from, to) = (rng.gen_range(0..bad.len()), rng.gen_range(0..bad.len()));
            match rng.gen_range(0..4) {
                0 => bad[to] = rng.r#gen(),
                1 => bad.insert(to, rng.r#gen()),
                2 => drop(bad.remove(to)),
                _ => {
                    let piece = bad[from..bad.len().min(from + 36)].to_vec();
                    bad.splice(to..to, piece);
                }
            }
        }
        count(&bad);
    }
    assert!(read > 1_000 && refused > 10_000, "{read} read, {refused} refused");
}

#[test]
fn assignments() {
    let mut rng = StdRng::seed_from_u64(2);
    let values: Vec<Fr> = std::iter::once(Fr::ONE).chain((0..100).map(|_| Fr::rand(&mut rng))).collect();
    let file = write_wtns(&values);
    assert_eq!(*read_wtns(&file).unwrap(), values);
    // Magic, version, sections; header: 32, the prime, the count; values, each 32 bytes little-endian.
    let small = bytes(
        "77746e73 02000000 02000000
         01000000 2800000000000000
         20000000 010000f093f5e1439170b97948e833285d588181b64550b829a031e1724e6430 02000000
         02000000 4000000000000000 01+ 0a0b+",
    );
    assert_eq!(*write_wtns(&[fr(1), fr(0xb0a)]), small);
    let at = |place: usize, new: &[u8]| {
        let mut bad = small.clone();
        bad[place..place + new.len()].copy_from_slice(new);
        read_wtns(&bad).unwrap_err()
    };
    assert_eq!(at(0, b"r1cs"), FormatError::Magic("wtns"));
    assert_eq!(at(4, &[1]), FormatError::Version(1));
    assert_eq!(at(24, &[33]), FormatError::FieldSize(33));
    assert!(matches!(at(28, &[2]), FormatError::Prime(_)));
    assert_eq!(at(60, &[1]), FormatError::Trailing("the values"));
    assert_eq!(at(60, &[0xff; 4]), FormatError::Truncated("the values"));
    assert_eq!(at(76, &[0]), FormatError::NotOne);
    assert_eq!(at(76 + 32, &Fr::MODULUS.to_bytes_le()), FormatError::NotCanonical("the values"));
    assert_eq!(read_wtns(&write_wtns(&[])), Err(FormatError::NotOne));
}

#[test]
fn names() {
    let names = ["one", "root", "path[0][1]", "leaf.hash[0]", "leaf.hash[1]", "path.level0.member[0]"];
    let made = symbols(&names.map(String::from));
    let file = "1,1,0,main.root\n2,2,0,main.path[0][1]\n3,3,1,main.leaf.hash[0]\n4,4,1,main.leaf.hash[1]\n\
                5,5,2,main.path.level0.member[0]\n";
    assert_eq!(write_sym(&made), file);
    assert_eq!(read_sym(file.as_bytes()).unwrap(), made);
    let gone = Symbol { label: 9, wire: None, component: 3, name: "main.x.y".into() };
    assert_eq!(read_sym(b"9,-1,3,main.x.y").unwrap(), [gone]);
    for bad in ["", "1", "1,1,0", "1,1,0,", "1,1,0,a,b", "+1,1,0,a", "1,-2,0,a", "1,4294967296,0,a", ",1,0,a"]
    {
        assert_eq!(read_sym(format!("1,1,0,a\n{bad}\n").as_bytes()), Err(FormatError::Line(2)), "{bad}");
    }
    assert_eq!(read_sym(b"1,1,0,a\n2,2,0,\x1b[2J\n"), Err(FormatError::Line(2)), "nothing steers a terminal");
    assert_eq!(read_sym(b"1,1,0,a\n2,2,0,\xff\n"), Err(FormatError::Line(2)));
    let mut rng = StdRng::seed_from_u64(3);
    let alphabet = b"0123456789,-\n\r.main[]\xff";
    for _ in 0..20_000 {
        let text: Vec<u8> = (0..rng.gen_range(0..30)).map(|_| *alphabet.choose(&mut rng).unwrap()).collect();
        if let Ok(read) = read_sym(&text) {
            assert_eq!(read_sym(write_sym(&read).as_bytes()), Ok(read));
        }
    }
}
