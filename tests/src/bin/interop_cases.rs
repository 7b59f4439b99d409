//! Writes keys, inputs and proofs, good and mutated, with our verdicts, for an independent verifier:
//! `interop-cases FOLDER` → cases.jsonl and the DEV key. Hundreds; ten thousand with `VEILPASS_LONG=1`.

use ark_bn254::{Fq, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, Field, PrimeField, UniformRand};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::path::PathBuf;
use veilpass_params::snarkjs;
use veilpass_protocol::attributes::Sex;
use veilpass_protocol::field::Fr;
use veilpass_protocol::predicates::{AgePredicate, Predicates};
use veilpass_protocol::scope::LinkKind;
use veilpass_protocol::statement::{INPUTS, Statement};
use veilpass_prover::groth16::rerandomise;
use veilpass_tests::World;
use veilpass_tests::interop::{Case, Cases, DIFFERENCES, Number, Points, key_json, number, simulated};
use veilpass_verifier::{KeyPoints, PreparedKey, Proof, VerifyingKey};

type Out = Cases<std::io::BufWriter<std::fs::File>>;
type Done = std::io::Result<()>;

fn main() -> Done {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "target/interop".into()));
    std::fs::create_dir_all(&folder)?;
    let claims = if std::env::var_os("VEILPASS_LONG").is_some() { 60 } else { 4 };
    let mut world = World::new(1);
    let key = world.key.clone();
    let prepared = PreparedKey::new(key.clone()).unwrap_or_else(|e| panic!("{e}"));
    std::fs::write(folder.join("dev.json"), snarkjs::verification_key(&key))?;
    let file = std::io::BufWriter::new(std::fs::File::create(folder.join("cases.jsonl"))?);
    let mut out = Cases::new(file, prepared);
    let mut rng = world.rng().clone();

    let mut others: Option<Claim> = None;
    for n in 0..claims {
        let claim = Claim::honest(&mut world, n);
        let other = others.unwrap_or_else(|| Claim::honest(&mut world, claims));
        claim.form(&key);
        claim.proofs(&mut out, &key, &other, &mut rng)?;
        claim.inputs(&mut out, &other, &mut rng)?;
        claim.keys(&mut out, &key, &mut rng)?;
        simulated(&mut out, n as u64, &mut rng)?;
        others = Some(claim);
    }
    let [accepted, refused] = out.totals();
    println!("{} cases: {accepted} accepted by us, {refused} refused", accepted + refused);
    for (kind, [accepted, refused]) in &out.counts {
        println!("  {kind:<44} {accepted:>5} accepted {refused:>5} refused");
    }
    let reasons: Value = DIFFERENCES.iter().map(|(name, why)| ((*name).to_owned(), json!(why))).collect();
    std::fs::write(folder.join("differences.json"), reasons.to_string())?;
    out.finish()
}

/// An honest proof of a claim that holds, under the DEV key.
struct Claim {
    inputs: [Fr; INPUTS],
    proof: Proof,
}

impl Claim {
    fn honest(world: &mut World, n: usize) -> Claim {
        let age = |at_least| Some(AgePredicate { at_least: Some(at_least), below: None });
        // Places 0, 13, 1, 1198 and on: adults; the circumstances go round.
        let (link, predicates, place) = match n % 4 {
            0 => (LinkKind::None, Predicates { age: age(18), ..Predicates::valid() }, 0),
            1 => (LinkKind::Account, Predicates::valid(), 13),
            2 => {
                let sex = Some(Sex::ALL[1]);
                (LinkKind::Tokens, Predicates { sex, generation_at_most: Some(0), ..Predicates::valid() }, 1)
            }
            _ => (LinkKind::Account, Predicates { nationality: Some(156), ..Predicates::valid() }, 1198),
        };
        // 210 people on everything that goes round comes round: sex, class, age, generation, country.
        let place = (place + 210 * (n / 4)) % 1200;
        let request = world.request(link, predicates);
        let (statement, witness) = world.claim(place, &request, 2);
        let proof = Proof::from_bytes(&world.prove(&statement, &witness)).unwrap_or_else(|e| panic!("{e}"));
        Claim { inputs: statement.to_array(), proof }
    }

    fn points(&self) -> Points {
        Points { a: *self.proof.a(), b: *self.proof.b(), c: *self.proof.c() }
    }

    fn case(&self) -> Case {
        let inputs = self.inputs.iter().map(number).collect();
        Case { key: None, inputs, proof: self.points(), above_p: None }
    }

    fn with(&self, proof: Points) -> Case {
        Case { proof, ..self.case() }
    }

    /// What the product exports is what the cases hold.
    fn form(&self, key: &VerifyingKey) {
        let parse = |text: String| serde_json::from_str::<Value>(&text).unwrap_or_else(|e| panic!("{e}"));
        let case = self.case();
        assert_eq!(parse(snarkjs::proof(&self.proof)), case.proof_json());
        assert_eq!(parse(snarkjs::public(&Statement::from_array(self.inputs))), case.public_json());
        assert_eq!(parse(snarkjs::verification_key(key)), key_json(key.points()));
    }

    fn proofs(&self, out: &mut Out, key: &VerifyingKey, other: &Claim, rng: &mut StdRng) -> Done {
        let Points { a, b, c } = self.points();
        let theirs = other.points();
        let (alpha, beta, delta) = (key.points().alpha_g1, key.points().beta_g2, key.points().delta_g2);
        let (one1, one2) = (G1Affine::generator(), G2Affine::generator());
        out.add("as made", &self.case())?;
        for _ in 0..24 {
            let bytes = rerandomise(key, &self.proof, rng).unwrap_or_else(|e| panic!("{e}"));
            let again = Proof::from_bytes(&bytes).unwrap_or_else(|e| panic!("{e}"));
            let (a, b, c) = (*again.a(), *again.b(), *again.c());
            out.add("proof: re-randomised", &self.with(Points { a, b, c }))?;
        }
        for _ in 0..4 {
            let x = Fr::rand(rng);
            let inverse = x.inverse().unwrap_or(x);
            let scaled = Points { a: (a * x).into_affine(), b: (b * inverse).into_affine(), c };
            out.add("proof: A scaled, B scaled back", &self.with(scaled))?;
            out.add("proof: A scaled, B not", &self.with(Points { a: scaled.a, b, c }))?;
            let moved = (b + delta * x).into_affine();
            out.add(
                "proof: B moved by δ, C follows",
                &self.with(Points { a, b: moved, c: (c + a * x).into_affine() }),
            )?;
            out.add("proof: B moved by δ, C does not follow", &self.with(Points { a, b: moved, c }))?;
        }
        out.add("proof: A and B negated", &self.with(Points { a: -a, b: -b, c }))?;
        for (kind, proof) in [
            ("proof: one point negated", Points { a: -a, b, c }),
            ("proof: one point negated", Points { a, b: -b, c }),
            ("proof: one point negated", Points { a, b, c: -c }),
            ("proof: one point moved", Points { a: (a + one1).into_affine(), b, c }),
            ("proof: one point moved", Points { a, b: (b + one2).into_affine(), c }),
            ("proof: one point moved", Points { a, b, c: (c + one1).into_affine() }),
            ("proof: one point doubled", Points { a: (a + a).into_affine(), b, c }),
            ("proof: one point doubled", Points { a, b: (b + b).into_affine(), c }),
            ("proof: one point doubled", Points { a, b, c: (c + c).into_affine() }),
            ("proof: A and C exchanged", Points { a: c, b, c: a }),
            ("proof: points of another proof", Points { a: theirs.a, b, c }),
            ("proof: points of another proof", Points { a, b: theirs.b, c }),
            ("proof: points of another proof", Points { a, b, c: theirs.c }),
            ("proof: points of another proof", Points { c, ..theirs }),
            ("proof: points of another proof", theirs),
            ("proof: points of the key", Points { a: alpha, b: beta, c }),
            ("proof: points of the key", Points { a: alpha, b: beta, c: -key.points().ic[0] }),
            ("proof: points of the key", Points { a, b: delta, c: alpha }),
        ] {
            out.add(kind, &self.with(proof))?;
        }
        for _ in 0..6 {
            let random = |rng: &mut StdRng| G1Projective::rand(rng).into_affine();
            let proof = Points { a: random(rng), b: G2Projective::rand(rng).into_affine(), c: random(rng) };
            out.add("proof: random points", &self.with(proof))?;
            let third = match rng.gen_range(0..3) {
                0 => Points { a: proof.a, b, c },
                1 => Points { a, b: proof.b, c },
                _ => Points { a, b, c: proof.c },
            };
            out.add("proof: one random point", &self.with(third))?;
            // A bit of one coordinate: off the curve.
            let mut bad = self.points();
            let bit = rng.gen_range(0..253);
            match rng.gen_range(0..4) {
                0 => bad.a.x = flipped(bad.a.x, bit),
                1 => bad.a.y = flipped(bad.a.y, bit),
                2 => bad.b.x.c1 = flipped(bad.b.x.c1, bit),
                _ => bad.c.y = flipped(bad.c.y, bit),
            }
            out.add("proof: a bit of a coordinate", &self.with(bad))?;
            // A bit of the 128 bytes, where points come of it.
            if let Some(proof) = (0..64).find_map(|_| self.flipped_bytes(rng)) {
                out.add("proof: a bit of the bytes", &self.with(proof))?;
            }
            // On the twist, in no subgroup.
            let outside = std::iter::repeat_with(|| ark_bn254::Fq2::rand(rng))
                .find_map(|x| G2Affine::get_point_from_x_unchecked(x, true))
                .unwrap_or(b);
            out.add("proof: B outside the subgroup", &self.with(Points { a, b: outside, c }))?;
        }
        for above_p in [Some(0), Some(1)] {
            let case = Case { above_p, ..self.case() };
            out.add_different("proof: coordinate with p added", &case, "coordinate_above_p")?;
        }
        for proof in [
            Points { a: G1Affine::identity(), b, c },
            Points { a, b: G2Affine::identity(), c },
            Points { a, b, c: G1Affine::identity() },
        ] {
            out.add("proof: infinity, equation broken", &self.with(proof))?;
        }
        Ok(())
    }

    fn flipped_bytes(&self, rng: &mut StdRng) -> Option<Points> {
        let mut bytes = self.proof.to_bytes();
        let bit = rng.gen_range(0..1024);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let proof = Proof::from_bytes(&bytes).ok()?;
        Some(Points { a: *proof.a(), b: *proof.b(), c: *proof.c() })
    }

    fn inputs(&self, out: &mut Out, other: &Claim, rng: &mut StdRng) -> Done {
        let good = self.inputs;
        let mut add = |kind: &'static str, inputs: [Fr; INPUTS]| {
            let inputs = inputs.iter().map(number).collect();
            out.add(kind, &Case { inputs, ..self.case() }).map(|_| ())
        };
        let one = Fr::from(1u64);
        for i in 0..INPUTS {
            let replaced = |x: Fr| std::array::from_fn(|j| if i == j { x } else { good[j] });
            let by = if rng.r#gen() { one } else { -one };
            add("inputs: one next to it", replaced(good[i] + by))?;
            let random = Fr::rand(rng);
            add("inputs: one random", replaced(if rng.r#gen() { random } else { -good[i] - one }))?;
            let mut exchanged = good;
            exchanged.swap(i, (i + rng.gen_range(1..INPUTS)) % INPUTS);
            add("inputs: two exchanged", exchanged)?;
            let bit = Fr::from(2u64).pow([rng.gen_range(0..253)]);
            add("inputs: a power of two added", replaced(good[i] + bit))?;
        }
        let mut turned = good;
        turned.rotate_left(1);
        add("inputs: turned by one", turned)?;
        add("inputs: those of another proof", other.inputs)?;
        add("inputs: all zero", [Fr::from(0u64); INPUTS])?;
        let mut challenge = good;
        challenge[INPUTS - 1] = other.inputs[INPUTS - 1];
        add("inputs: the challenge of another", challenge)?;
        // x + r, r itself, and 2^256 − 1.
        for i in [0, 2, rng.gen_range(3..INPUTS)] {
            let mut case = self.case();
            let mut sum = good[i].into_bigint();
            sum.add_with_carry(&Fr::MODULUS);
            case.inputs[i] = be(&sum);
            out.add("inputs: r added", &case)?;
            case.inputs[i] = if i == 0 { be(&Fr::MODULUS) } else { [0xff; 32] };
            out.add("inputs: above r", &case)?;
        }
        let mut long = self.case();
        long.inputs.push(number(&Fr::from(0u64)));
        out.add("inputs: one too many", &long)?;
        let mut short = self.case();
        short.inputs.pop();
        out.add("inputs: the challenge missing", &short)?;
        Ok(())
    }

    fn keys(&self, out: &mut Out, key: &VerifyingKey, rng: &mut StdRng) -> Done {
        let good = key.points();
        let with = |edit: &dyn Fn(&mut KeyPoints)| {
            let mut points = good.clone();
            edit(&mut points);
            Case { key: Some(points), ..self.case() }
        };
        let times = |p: &G1Affine, x: Fr| (*p * x).into_affine();
        for _ in 0..3 {
            // Other keys that say the same: a factor goes from one side of a pairing to the other.
            let x = Fr::rand(rng);
            let inverse = x.inverse().unwrap_or(x);
            let same = with(&|k| {
                k.gamma_g2 = (k.gamma_g2 * x).into_affine();
                k.ic = k.ic.iter().map(|p| times(p, inverse)).collect();
            });
            out.add("key: γ scaled, IC scaled back", &same)?;
            let same = with(&|k| {
                k.alpha_g1 = times(&k.alpha_g1, x);
                k.beta_g2 = (k.beta_g2 * inverse).into_affine();
            });
            out.add("key: α scaled, β scaled back", &same)?;
            let mut same = with(&|k| k.delta_g2 = (k.delta_g2 * x).into_affine());
            same.proof.c = times(&same.proof.c, inverse);
            out.add("key: δ scaled, C scaled back", &same)?;
            let i = rng.gen_range(0..INPUTS);
            let mut same = with(&|k| k.ic[0] = (k.ic[i + 1] * (self.inputs[i] - x) + k.ic[0]).into_affine());
            same.inputs[i] = number(&x);
            out.add("key: an input moved into the constant", &same)?;
            out.add("key: γ scaled", &with(&|k| k.gamma_g2 = (k.gamma_g2 * x).into_affine()))?;
            out.add("key: δ scaled", &with(&|k| k.delta_g2 = (k.delta_g2 * x).into_affine()))?;
            let (i, j) = (rng.gen_range(0..INPUTS), rng.gen_range(1..=INPUTS));
            let j = (i + j) % (INPUTS + 1);
            // Equal inputs may be exchanged without harm; both verifiers say so.
            out.add("key: two IC points exchanged", &with(&|k| k.ic.swap(i, j)))?;
            let random = G1Projective::rand(rng).into_affine();
            out.add("key: one IC point random", &with(&|k| k.ic[i] = random))?;
        }
        out.add("key: IC turned by one", &with(&|k| k.ic.rotate_left(1)))?;
        out.add("key: IC reversed", &with(&|k| k.ic.reverse()))?;
        out.add("key: α and β negated", &with(&|k| (k.alpha_g1, k.beta_g2) = (-k.alpha_g1, -k.beta_g2)))?;
        out.add("key: α negated", &with(&|k| k.alpha_g1 = -k.alpha_g1))?;
        out.add("key: β negated", &with(&|k| k.beta_g2 = -k.beta_g2))?;
        out.add("key: γ negated", &with(&|k| k.gamma_g2 = -k.gamma_g2))?;
        out.add("key: δ negated", &with(&|k| k.delta_g2 = -k.delta_g2))?;
        out.add("key: γ and δ exchanged", &with(&|k| std::mem::swap(&mut k.gamma_g2, &mut k.delta_g2)))?;
        out.add("key: β and γ exchanged", &with(&|k| std::mem::swap(&mut k.beta_g2, &mut k.gamma_g2)))?;
        out.add("key: one IC point too few", &with(&|k| k.ic.truncate(INPUTS)))?;
        let one = with(&|k| k.ic.push(G1Affine::generator()));
        out.add_different("key: one IC point too many", &one, "key_inputs")
    }
}

fn flipped(x: Fq, bit: usize) -> Fq {
    let mut bits = x.into_bigint().to_bits_le();
    bits[bit] = !bits[bit];
    Fq::from_bigint(ark_ff::BigInt::from_bits_le(&bits)).unwrap_or(x + Fq::from(1u64))
}

fn be(x: &ark_ff::BigInt<4>) -> Number {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(&x.to_bytes_be());
    bytes
}
