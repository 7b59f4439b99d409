//! The engine against ark-groth16, its slow twin, bit for bit.

use super::blinding::{BlindingKey, Factors, Unblinded, blind, encode};
use super::*;
use ark_bn254::Bn254;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field, PrimeField, UniformRand};
use ark_groth16::Groth16;
use ark_serialize::CanonicalDeserialize;
use rand::SeedableRng;
use rand::rngs::StdRng;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;
use veilpass_circuits::attest::{cases, clauses};
use veilpass_circuits::{Attest, Circuit};
use veilpass_kernels::Machine;
use veilpass_params::dev;
use veilpass_protocol::circuit_id::ATTEST_V1;
use veilpass_protocol::field::Fr;
use veilpass_protocol::identity::{PseudonymSecret, pseudonym};
use veilpass_verifier::{Origin, VerifyingKey};
use zeroize::Zeroizing;

/// One engine for each machine that is there, the portable one first; the last has the key prepared.
static ENGINES: LazyLock<Vec<Engine>> = LazyLock::new(|| {
    let machines = Machine::all().into_iter();
    let mut engines: Vec<Engine> = machines.map(|m| Engine::on(m, KEY.clone()).unwrap()).collect();
    engines.push(Engine::new(PREPARED_KEY.clone()).unwrap());
    engines
});

static PREPARED_KEY: LazyLock<PreparedProvingKey> = LazyLock::new(|| PreparedProvingKey::new(&KEY));

static KEY: LazyLock<veilpass_params::ProvingKey> = LazyLock::new(|| dev::proving_key().unwrap());

type ArkProof = ark_groth16::Proof<Bn254>;

fn ark_proof(statement: &Statement, witness: &Witness, r: Fr, s: Fr) -> ArkProof {
    let (m, assignment) = (Attest.shape().matrices(), Attest.assign(statement, witness));
    let key = &*KEY;
    let (inputs, rows) = (m.inputs, m.rows());
    Groth16::<Bn254>::create_proof_with_reduction_and_matrices(
        key.groth16(),
        r,
        s,
        &m.abc,
        inputs,
        rows,
        &assignment,
    )
    .unwrap()
}

/// What ark's verifier says.
fn ark_accepts(statement: &Statement, bytes: &[u8; PROOF_BYTES]) -> bool {
    let vk = ark_groth16::prepare_verifying_key(&KEY.groth16().vk);
    let proof = ArkProof::deserialize_compressed(&bytes[..]).unwrap();
    Groth16::<Bn254>::verify_proof(&vk, &proof, &statement.to_array()).unwrap()
}

fn good_cases(n: usize, seed: u64) -> Vec<(Statement, Witness)> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..n)
        .map(|_| {
            let case = cases::random(&mut rng);
            (case.statement, case.witness)
        })
        .collect()
}

fn unblinded(engine: &Engine, statement: &Statement, witness: &Witness) -> Unblinded {
    let (wires, rows) = Attest.assign_rows(statement, witness);
    assert_eq!(rows.failing, None);
    engine.unblinded(&wires, rows)
}

fn any_factors(rng: &mut StdRng) -> Factors {
    Factors { rho: Zeroizing::new(Fr::rand(rng)), t: Zeroizing::new(Fr::rand(rng)) }
}

#[test]
fn rows_and_wires_are_those_of_the_matrices() {
    let mut rng = StdRng::seed_from_u64(21);
    for n in 0..40 {
        let mut case = cases::random(&mut rng);
        if n % 2 == 1 {
            cases::bend(&mut case, &mut rng);
        }
        let (wires, rows) = Attest.assign_rows(&case.statement, &case.witness);
        assert!(*wires == *Attest.assign(&case.statement, &case.witness));
        assert_eq!(rows.failing, Attest.shape().failing_clause(&wires));
        let matrices = Attest.shape().matrices();
        assert_eq!((rows.a.len(), rows.b.len()), (matrices.rows(), matrices.rows()));
        for row in 0..matrices.rows() {
            let [a, b, _] = matrices.evaluate(row, &wires);
            assert_eq!((rows.a[row], rows.b[row]), (a, b), "row {row}");
        }
    }
}

#[test]
fn the_unblinded_proof_is_arks() {
    for (statement, witness) in good_cases(4, 22) {
        let ark = ark_proof(&statement, &witness, Fr::ZERO, Fr::ZERO);
        let portable = Engine::on(Machine::portable(), PREPARED_KEY.clone()).unwrap();
        for engine in ENGINES.iter().chain([&portable]) {
            let ours = unblinded(engine, &statement, &witness);
            assert!(ours.a.into_affine() == ark.a, "{}", engine.machine());
            assert!(ours.b.into_affine() == ark.b, "{}", engine.machine());
            assert!(ours.c.into_affine() == ark.c, "{}", engine.machine());
        }
    }
}

/// With equal factors the late challenge gives the bytes of the ordinary way; and both are what a stranger
/// makes of ark's proof with `rerandomise`'s formula.
#[test]
fn a_prepared_presentation_is_the_ordinary_proof_bit_for_bit() {
    let mut rng = StdRng::seed_from_u64(23);
    for (statement, witness) in good_cases(2, 24) {
        for engine in ENGINES.iter() {
            let prepared = engine.prepare(&statement, &witness, &mut rng).unwrap();
            let delta = engine.delta();
            for challenge in [Fr::ZERO, Fr::ONE, -Fr::ONE, statement.challenge, Fr::rand(&mut rng)] {
                let asked = Statement { challenge, ..statement.clone() };
                let factors = any_factors(&mut rng);
                let late = prepared.blind(challenge, &factors).unwrap();
                assert_eq!(Some(late), blind(&unblinded(engine, &asked, &witness), delta, &factors));
                let ark = ark_proof(&asked, &witness, Fr::ZERO, Fr::ZERO);
                let (rho, t) = (*factors.rho, *factors.t);
                let same = encode(
                    ark.a * rho.inverse().unwrap(),
                    ark.b * rho + delta.point() * (rho * t),
                    ark.a * t + ark.c,
                );
                assert_eq!(Some(late), same);
                assert!(ark_accepts(&asked, &late));
                let other = Statement { challenge: challenge + Fr::ONE, ..asked };
                assert!(!ark_accepts(&other, &late), "bound to its challenge");
            }
        }
    }
}

/// ark's own blinding is of the same kind: its proof with (r, s) is ours with some (ρ, t).
#[test]
fn proofs_of_every_path_are_accepted_by_ark() {
    let mut rng = StdRng::seed_from_u64(25);
    let cases = good_cases(3, 26);
    for engine in ENGINES.iter() {
        let (first, witness) = &cases[0];
        let mut session = engine.session(first, witness).unwrap();
        for (statement, witness) in &cases {
            let cold = engine.prove(statement, witness, &mut rng).unwrap();
            assert!(ark_accepts(statement, &cold));
            session.turn_to(statement, witness).unwrap();
            let prepared = session.prepare(&mut rng).unwrap();
            let late = prepared.present(statement.challenge, &mut rng).unwrap();
            assert!(ark_accepts(statement, &late));
            assert_ne!(cold, late);
        }
    }
}

/// Other statements of the same person: another platform, slot, day's age and sets.
fn others(statement: &Statement, witness: &Witness) -> Vec<(Statement, Witness)> {
    let k = PseudonymSecret::from_fr(witness.k).unwrap();
    let turned = |scope: u64, slot: u32, change: &dyn Fn(&mut Statement)| {
        let scope = Fr::from(scope);
        let mut statement = Statement { scope, pseudonym: pseudonym(&k, &scope, slot), ..statement.clone() };
        change(&mut statement);
        (statement, Witness { slot: Fr::from(slot), ..witness.clone() })
    };
    let all_asked = |s: &mut Statement| s.born_on_or_after = Fr::ZERO;
    let nothing_asked = |s: &mut Statement| {
        (s.born_on_or_after, s.born_on_or_before) = (Fr::ZERO, Fr::from(262_143u32));
        (s.enrolled_on_or_before, s.generation_at_most) = (Fr::from(262_143u32), Fr::from(255u8));
        (s.sexes, s.document_classes) = (Fr::from(15u8), Fr::from(65_535u32));
        (s.nationality, s.province) = (Fr::ZERO, Fr::ZERO);
        s.challenge = -Fr::ONE;
    };
    vec![
        turned(7, 0, &|_| ()),
        turned(8, 0, &all_asked),
        turned(8, 0, &nothing_asked),
        (statement.clone(), witness.clone()),
    ]
}

/// A session that turned has the sums of one that began there, also if nearly every row changed.
#[test]
fn a_session_forgets_where_it_came_from() {
    let cases = good_cases(2, 27);
    for engine in ENGINES.iter() {
        let sums = |s: &Session<'_>| {
            let u = s.unblinded();
            (u.a, u.b, u.c, s.per_challenge())
        };
        let (first, its_witness) = &cases[0];
        let mut statements = others(first, its_witness);
        // Another person: nearly every row.
        statements.push(cases[1].clone());
        let slow: Vec<_> = statements.iter().map(|(s, w)| sums(&engine.session(s, w).unwrap())).collect();
        let mut session = engine.session(first, its_witness).unwrap();
        for (n, ((statement, witness), slow)) in statements.iter().zip(&slow).enumerate().rev() {
            session.turn_to(statement, witness).unwrap();
            let mut bad = statement.clone();
            bad.pseudonym += Fr::ONE;
            assert!(matches!(session.turn_to(&bad, witness), Err(ProveError::Unsatisfied(clauses::S4))));
            assert!(sums(&session) == *slow, "{} {n}", engine.machine());
        }
    }
}

/// An RNG that always gives zeros.
struct Stuck;

impl RngCore for Stuck {
    fn next_u32(&mut self) -> u32 {
        0
    }
    fn next_u64(&mut self) -> u64 {
        0
    }
    fn fill_bytes(&mut self, dest: &mut [u8]) {
        dest.fill(0);
    }
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand::Error> {
        dest.fill(0);
        Ok(())
    }
}
impl CryptoRng for Stuck {}

#[test]
fn blinding_differs_even_with_a_stuck_rng() {
    let (statement, witness) = good_cases(1, 28).remove(0);
    let engine = &ENGINES[0];
    let a = engine.challenge().point();
    let key = BlindingKey::new(witness.values());
    let draw = |key: &BlindingKey, statement: &Statement, a: &ark_bn254::G1Affine, attempt| {
        let factors = Factors::draw(key, &statement.to_array(), a, attempt, &mut Stuck);
        [*factors.rho, *factors.t]
    };
    let mut seen = Vec::new();
    for n in 0..14 {
        let mut inputs = statement.to_array();
        inputs[n] += Fr::ONE;
        seen.extend(draw(&key, &Statement::from_array(inputs), &a, 0));
    }
    seen.extend(draw(&key, &statement, &a, 0));
    seen.extend(draw(&key, &statement, &a, 1));
    seen.extend(draw(&key, &statement, &(-a), 0));
    let other = Witness { k: witness.k + Fr::ONE, ..witness.clone() };
    seen.extend(draw(&BlindingKey::new(other.values()), &statement, &a, 0));
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), count), (36, 36));

    // Two presentations of one state with that RNG: for two challenges nothing repeats, so no line through
    // them gives a third. The same challenge twice gives the same bytes, which is no new proof.
    let prepared = engine.prepare(&statement, &witness, &mut Stuck).unwrap();
    let [p, q, again] =
        [1u8, 2, 1].map(|m| Proof::deserialize(&prepared.present(Fr::from(m), &mut Stuck).unwrap()));
    assert!(p.b != q.b && p.a != q.a && p.c != q.c);
    assert!(p == again);
    // The line through two challenges with equal factors, which is the attack: it works when they are equal …
    let mut rng = StdRng::seed_from_u64(29);
    let factors = any_factors(&mut rng);
    let [p0, p1, p7] =
        [0u8, 1, 7].map(|m| Proof::deserialize(&prepared.blind(Fr::from(m), &factors).unwrap()));
    assert!(p7.matches_line(&p0, &p1, Fr::from(7u8)), "positive control");
    // … and not when they are drawn.
    let [p0, p1, p7] =
        [0u8, 1, 7].map(|m| Proof::deserialize(&prepared.present(Fr::from(m), &mut Stuck).unwrap()));
    assert!(!p7.matches_line(&p0, &p1, Fr::from(7u8)));
}

#[derive(PartialEq)]
struct Proof(ArkProof);

impl std::ops::Deref for Proof {
    type Target = ArkProof;
    fn deref(&self) -> &ArkProof {
        &self.0
    }
}

impl Proof {
    fn deserialize(bytes: &[u8; PROOF_BYTES]) -> Proof {
        Proof(ArkProof::deserialize_compressed(&bytes[..]).unwrap())
    }

    /// Whether it lies on the line through the proofs for the challenges 0 and 1.
    fn matches_line(&self, at_zero: &Proof, at_one: &Proof, m: Fr) -> bool {
        let line = |p: ark_bn254::G1Affine, q: ark_bn254::G1Affine| (p + (q - p) * m).into_affine();
        self.a == line(at_zero.a, at_one.a) && self.c == line(at_zero.c, at_one.c) && self.b == at_zero.b
    }
}

/// A key that is malformed where only the late challenge looks, or only the ordinary proof: no state comes
/// out of either.
#[test]
fn a_malformed_key_prepares_nothing() {
    let (statement, witness) = good_cases(1, 30).remove(0);
    let mut rng = StdRng::seed_from_u64(31);
    let engine = &ENGINES[ENGINES.len() - 1];
    let good = engine.prepare(&statement, &witness, &mut rng).unwrap();
    let h = |damage: &dyn Fn(&mut ark_groth16::ProvingKey<Bn254>)| {
        let mut key = KEY.groth16().clone();
        damage(&mut key);
        let key = veilpass_params::ProvingKey::from_groth16(Attest, Origin::Dev, key).unwrap();
        Engine::new(key).unwrap().prepare(&statement, &witness, &mut StdRng::seed_from_u64(32)).err()
    };
    assert_eq!(h(&|_| ()), None, "control");
    assert_eq!(h(&|key| key.h_query[8000] = key.h_query[7999]), Some(ProveError::SelfCheck));
    assert_eq!(h(&|key| key.l_query[3] = key.l_query[4]), Some(ProveError::SelfCheck));
    assert_eq!(h(&|key| key.a_query[1000] = key.a_query[1001]), Some(ProveError::SelfCheck));
    // A state that is right at one of the two challenges is wrong at the other: either check alone misses it.
    for (right, wrong) in [(Fr::ZERO, Fr::ONE), (Fr::ONE, Fr::ZERO)] {
        let shift = ark_bn254::G1Projective::rand(&mut rng);
        let bent = good.bent(shift, right);
        let check = |m| {
            let asked = Statement { challenge: m, ..statement.clone() };
            engine.checked(&asked, bent.present(m, &mut StdRng::seed_from_u64(33)).unwrap()).map(|_| ())
        };
        assert_eq!((check(right), check(wrong)), (Ok(()), Err(ProveError::SelfCheck)));
    }
}

/// The file of a prepared key: read again it is the same; every machine makes the same; and whatever is wrong with it is
/// said.
#[test]
fn a_prepared_key_is_read_as_it_was_written() {
    let (vk, name) = (KEY.verifying_key(), KeyFile::of(dev::proving_key_bytes()));
    let file = PREPARED_KEY.to_bytes();
    let read = |file: &[u8]| PreparedProvingKey::from_bytes(file, vk, name);
    assert!(read(&file).as_ref() == Ok(&*PREPARED_KEY));
    assert!(PreparedProvingKey::on(Machine::portable(), &KEY) == *PREPARED_KEY);

    let other_file = PreparedProvingKey::from_bytes(&file, vk, KeyFile::of(b"another file"));
    assert_eq!(other_file.err(), Some(PreparedKeyError::OtherKey));
    let mut points = vk.points().clone();
    points.alpha_g1 = (-points.alpha_g1.into_group()).into_affine();
    let other = VerifyingKey::from_points(ATTEST_V1, Origin::Dev, points);
    let other_circuit = PreparedProvingKey::from_bytes(&file, &other, name);
    assert_eq!(other_circuit.err(), Some(PreparedKeyError::OtherKey));

    // Cut off anywhere, or with something after it.
    for length in (0..file.len()).step_by(60_013).chain([1, 33, 64, 65, 96, 97, 98, 130, file.len() - 1]) {
        assert!(read(&file[..length]).is_err(), "{length}");
    }
    assert_eq!(read(&[&file[..], &[0]].concat()).err(), Some(PreparedKeyError::Damaged));
    // The same with a hash that fits: a point less, a byte more, a bit beyond A's wires, a point that is not counted.
    let rehashed = |whole: &[u8]| read(&[whole, &Sha256::digest(whole)].concat());
    let whole = &file[..file.len() - 32];
    assert!(rehashed(whole).is_ok(), "control");
    assert_eq!(rehashed(&whole[..whole.len() - 64]).err(), Some(PreparedKeyError::Syntax));
    assert_eq!(rehashed(&[whole, &[0]].concat()).err(), Some(PreparedKeyError::Syntax));
    let changed = |place: usize, by: u8| {
        let mut bad = whole.to_vec();
        bad[place] ^= by;
        rehashed(&bad).err()
    };
    let (bits, wires) = (33 + 64, Attest.dimensions().wires);
    assert!(wires % 8 > 0);
    assert_eq!(changed(bits + wires / 8, 0x80), Some(PreparedKeyError::Syntax));
    let in_a = PREPARED_KEY.a.iter().filter(|a| !a.is_zero()).count();
    let in_b = PREPARED_KEY.b.iter().filter(|b| !b.is_zero()).count();
    let bits_of_c = bits + 2 * wires.div_ceil(8) + 64 * in_a + 128 * in_b;
    let last = bits_of_c + (wires + Attest.dimensions().domain()).div_ceil(8) - 2;
    assert_eq!(whole[last], 0xff, "eight points of H");
    assert_eq!(changed(last, 1), Some(PreparedKeyError::Syntax));
    // Any byte, with the hash left and with the hash made right.
    let damaged = |place: usize, bit: u8, right: bool| {
        let mut bad = file.clone();
        bad[place] ^= 1 << bit;
        if right { rehashed(&bad[..bad.len() - 32]) } else { read(&bad) }
    };
    let mut rng = StdRng::seed_from_u64(34);
    let mut seen = Vec::new();
    let anywhere: Vec<usize> = (0..200).map(|_| rng.next_u32() as usize % file.len()).collect();
    for place in (0..100).chain(anywhere) {
        let bit = rng.next_u32() as u8 % 8;
        assert!(damaged(place, bit, false).is_err(), "{place} {bit}");
        if place < file.len() - 32 {
            let error = damaged(place, bit, true).err();
            assert!(error.is_some(), "{place} {bit}");
            seen.extend(error.filter(|error| !seen.contains(error)));
        }
    }
    for kind in [PreparedKeyError::Syntax, PreparedKeyError::OtherKey, PreparedKeyError::Point] {
        assert!(seen.contains(&kind), "{kind} in {seen:?}");
    }
}

/// A key whose points are other points proves nothing that leaves.
#[test]
fn a_prepared_key_of_other_points_proves_nothing() {
    let (statement, witness) = good_cases(1, 35).remove(0);
    let with = |change: &dyn Fn(&mut PreparedProvingKey)| {
        let mut key = PREPARED_KEY.clone();
        change(&mut key);
        let file = key.to_bytes();
        let name = KeyFile::of(dev::proving_key_bytes());
        let key = PreparedProvingKey::from_bytes(&file, KEY.verifying_key(), name).unwrap();
        let engine = Engine::new(key).unwrap();
        let mut rng = StdRng::seed_from_u64(36);
        let cold = engine.prove(&statement, &witness, &mut rng).err();
        assert_eq!(engine.prepare(&statement, &witness, &mut rng).err(), cold);
        cold
    };
    assert_eq!(with(&|_| ()), None, "control");
    let last = PREPARED_KEY.c.len() - 1;
    assert_eq!(with(&|key| key.c.swap(last, last - 1)), Some(ProveError::SelfCheck));
    assert_eq!(with(&|key| key.c[0] = key.c[200]), Some(ProveError::SelfCheck));
    assert_eq!(with(&|key| key.a.swap(1000, 1001)), Some(ProveError::SelfCheck));
    // On the curve and not in the group, of the order that the cofactor has.
    let small = (0u64..).find_map(|x| {
        let point = ark_bn254::G2Affine::get_point_from_x_unchecked(ark_bn254::Fq2::from(x), true)?;
        Some(point.mul_bigint(Fr::MODULUS).into_affine()).filter(|point| !point.is_zero())
    });
    let place = PREPARED_KEY.b.iter().position(|b| !b.is_zero()).unwrap();
    let out = |key: &mut PreparedProvingKey| key.b[place] = (key.b[place] + small.unwrap()).into_affine();
    assert_eq!(with(&out), Some(ProveError::SelfCheck));
}

/// Proofs that begin while another thread makes the tables. A thread of the pool that waited for the tables could have
/// taken up a proof that waits for the same tables, and nobody would ever have gone on.
#[test]
fn proofs_may_begin_while_tables_are_made() {
    let (done, all) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for seed in 0..6 {
            let engine = Engine::new(KEY.clone()).unwrap();
            let (statement, witness) = good_cases(1, 40 + seed).remove(0);
            std::thread::scope(|scope| {
                scope.spawn(|| engine.make_tables());
                for n in 0..3 {
                    let (engine, statement, witness) = (&engine, &statement, &witness);
                    scope.spawn(move || {
                        engine.prove(statement, witness, &mut StdRng::seed_from_u64(n)).unwrap();
                    });
                }
            });
        }
        done.send(()).unwrap();
    });
    all.recv_timeout(std::time::Duration::from_secs(120)).expect("nobody waits for ever");
}
