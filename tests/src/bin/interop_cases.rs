//! Writes proofs, good and bad, with our verdicts, for an independent verifier:
//! `interop-cases FOLDER` → cases.jsonl and the verification keys.

use ark_bn254::{G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::UniformRand;
use ark_serialize::CanonicalSerialize;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use veilpass_params::snarkjs;
use veilpass_protocol::attributes::Sex;
use veilpass_protocol::field::Fr;
use veilpass_protocol::predicates::{AgePredicate, Predicates};
use veilpass_protocol::scope::LinkKind;
use veilpass_protocol::statement::{INPUTS, Statement};
use veilpass_prover::groth16::rerandomise;
use veilpass_tests::World;
use veilpass_verifier::{PreparedKey, Proof};

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "target/interop".into()));
    std::fs::create_dir_all(&folder)?;
    let mut world = World::new(1);
    let key = world.key.clone();
    let prepared = PreparedKey::new(key.clone()).unwrap_or_else(|e| panic!("{e}"));
    std::fs::write(folder.join("dev.json"), snarkjs::verification_key(&key))?;
    let mut out = std::io::BufWriter::new(std::fs::File::create(folder.join("cases.jsonl"))?);
    let mut count = [0usize; 2];
    let mut case = |name: String, inputs: [Fr; INPUTS], a: G1Affine, b: G2Affine, c: G1Affine| {
        let mut bytes = [0u8; 128];
        (a, b, c).serialize_compressed(&mut bytes[..]).unwrap_or_else(|e| panic!("{e}"));
        let proof = Proof::from_bytes(&bytes).unwrap_or_else(|e| panic!("{e}"));
        let statement = Statement::from_array(inputs);
        let accepted = prepared.check(&statement, &proof).is_ok();
        count[usize::from(accepted)] += 1;
        let parse = |text: String| serde_json::from_str::<Value>(&text).unwrap_or_else(|e| panic!("{e}"));
        let (public, proof) = (parse(snarkjs::public(&statement)), parse(snarkjs::proof(&proof)));
        writeln!(
            out,
            "{}",
            json!({"name": name, "key": "dev.json", "public": public, "proof": proof, "accepted": accepted})
        )
    };
    let asked = [
        (
            LinkKind::None,
            Predicates { age: Some(AgePredicate { at_least: Some(18), below: None }), ..Predicates::valid() },
            0,
        ),
        (LinkKind::Account, Predicates::valid(), 13),
        (
            LinkKind::Tokens,
            Predicates { sex: Some(Sex::Male), generation_at_most: Some(0), ..Predicates::valid() },
            1,
        ),
        (LinkKind::Account, Predicates { nationality: Some(156), ..Predicates::valid() }, 1198),
    ];
    let mut rng = world.rng().clone();
    for (n, (link, predicates, place)) in asked.into_iter().enumerate() {
        let request = world.request(link, predicates);
        let (statement, witness) = world.claim(place, &request, 2);
        let proof = Proof::from_bytes(&world.prove(&statement, &witness)).unwrap_or_else(|e| panic!("{e}"));
        let inputs = statement.to_array();
        case(format!("{n} as made"), inputs, *proof.a(), *proof.b(), *proof.c())?;
        for i in 0..40 {
            let again = rerandomise(&key, &proof, &mut rng).and_then(|bytes| Proof::from_bytes(&bytes));
            let again = again.unwrap_or_else(|e| panic!("{e}"));
            case(format!("{n} re-randomised {i}"), inputs, *again.a(), *again.b(), *again.c())?;
        }
        for i in 0..INPUTS {
            for (what, change) in
                [("+1", Fr::from(1u64)), ("-1", -Fr::from(1u64)), ("random", Fr::rand(&mut rng))]
            {
                let mut other = inputs;
                other[i] += change;
                case(
                    format!("{n} {} {what}", Statement::NAMES[i]),
                    other,
                    *proof.a(),
                    *proof.b(),
                    *proof.c(),
                )?;
            }
            let mut other = inputs;
            other.swap(i, (i + 1) % INPUTS);
            case(
                format!("{n} {} swapped with the next", Statement::NAMES[i]),
                other,
                *proof.a(),
                *proof.b(),
                *proof.c(),
            )?;
        }
        let (g1, g2) = (G1Projective::generator(), G2Projective::generator());
        let (a, b, c) = (*proof.a(), *proof.b(), *proof.c());
        case(format!("{n} A moved"), inputs, (a + g1).into_affine(), b, c)?;
        case(format!("{n} B moved"), inputs, a, (b + g2).into_affine(), c)?;
        case(format!("{n} C moved"), inputs, a, b, (c + g1).into_affine())?;
        case(format!("{n} A and B negated"), inputs, -a, -b, c)?;
        case(format!("{n} A negated"), inputs, -a, b, c)?;
        case(format!("{n} B negated"), inputs, a, -b, c)?;
        case(format!("{n} C negated"), inputs, a, b, -c)?;
        case(format!("{n} A and C exchanged"), inputs, c, b, a)?;
        for _ in 0..10 {
            let (x, y, z) =
                (G1Projective::rand(&mut rng), G2Projective::rand(&mut rng), G1Projective::rand(&mut rng));
            case(format!("{n} random points"), inputs, x.into_affine(), y.into_affine(), z.into_affine())?;
        }
    }
    out.flush()?;
    println!("{} cases: {} accepted by us, {} refused", count[0] + count[1], count[1], count[0]);
    Ok(())
}
