//! Semaphore v4 of depth 32: through its own packages in Node, and its key and witness through arkworks.
//!
//! The packages are not part of the program. They lie in a folder of their own with a lock file that names each by
//! its hash, and are installed (430 MB) when this comparison is asked for and at no other time.

mod npm;
mod reduction;
mod zkey;

pub use npm::Semaphore;
pub use reduction::CircomReduction;
pub use zkey::{Zkey, ZkeyError, read_zkey};

use crate::ark;
use crate::error::BenchError;
use crate::fixture::rng;
use crate::measure::{Effort, Subject, alternate};
use crate::report::{Entry, Impl};
use crate::stats::Summary;
use ark_bn254::{Bn254, Fr};
use ark_ff::UniformRand;
use ark_groth16::{Groth16, prepare_verifying_key};
use std::hint::black_box;
use std::path::PathBuf;
use veilpass_params::circom::{FormatError, read_wtns};

/// Why Semaphore could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SemaphoreError {
    /// The folder with `package.json` and its lock is elsewhere.
    #[error(
        "{0} is not the folder of Semaphore's packages (bench/semaphore of the repository): name it with --semaphore"
    )]
    Folder(PathBuf),
    /// Node or npm is missing.
    #[error("{program} could not be started ({cause}): this comparison needs Node.js 20 or newer with npm")]
    Missing {
        /// Which.
        program: &'static str,
        /// What the system said.
        cause: String,
    },
    /// npm could not install the packages.
    #[error("npm could not install Semaphore's packages; it needs the npm registry and 430 MB: {0}")]
    Install(String),
    /// The program in Node failed, or answered something else than times.
    #[error("Semaphore in Node: {0}")]
    Node(String),
    /// Its key is not one that can be read here.
    #[error("Semaphore's key: {0}")]
    Key(#[from] ZkeyError),
    /// Its witness is not one that can be read here.
    #[error("Semaphore's witness: {0}")]
    Witness(#[from] FormatError),
}

/// All of it: Semaphore and snarkjs in Node, which take all cores that there are, then its key through arkworks on
/// each number of threads.
pub fn measure(semaphore: &Semaphore, counts: &[usize], effort: Effort) -> Result<Vec<Entry>, BenchError> {
    let run = semaphore.run(effort.time)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let named = [
        ("prove_cold", Impl::Semaphore, &run.times.semaphore_prove),
        ("verify_single", Impl::Semaphore, &run.times.semaphore_verify),
        ("semaphore_prove_cold", Impl::Snarkjs, &run.times.snarkjs_prove),
        ("semaphore_verify_single", Impl::Snarkjs, &run.times.snarkjs_verify),
    ];
    let mut entries = Vec::new();
    for (name, by, times) in named {
        for (name, place) in [(name.to_owned(), 0), (format!("{name}_cpu"), 1)] {
            let summary = Summary::of(times.iter().map(|pair| pair[place]).collect());
            let summary = summary.ok_or_else(|| SemaphoreError::Node("it measured nothing".into()))?;
            entries.push(Entry { name, by, threads: cores, unit: "ms".into(), summary });
        }
    }
    let zkey = read_zkey(&run.zkey).map_err(SemaphoreError::from)?;
    let witness = read_wtns(&run.witness).map_err(SemaphoreError::from)?;
    for &threads in counts {
        entries.extend(through_ark(&zkey, &witness, threads, effort)?);
    }
    Ok(entries)
}

/// `semaphore_prove_cold` and `semaphore_verify_single` by arkworks: matrices and witness are there already, which
/// favours it over Semaphore's own row.
fn through_ark(
    zkey: &Zkey,
    witness: &[Fr],
    threads: usize,
    effort: Effort,
) -> Result<Vec<Entry>, BenchError> {
    let inputs = witness.get(1..zkey.inputs).ok_or(ZkeyError::Witness).map_err(SemaphoreError::from)?;
    if witness.len() != zkey.key.a_query.len() {
        return Err(SemaphoreError::from(ZkeyError::Witness).into());
    }
    let mut rng = rng(10);
    let mut prove = move || {
        let [r, s] = [(); 2].map(|()| Fr::rand(&mut rng));
        let proof = Groth16::<Bn254, CircomReduction>::create_proof_with_reduction_and_matrices(
            &zkey.key,
            r,
            s,
            &zkey.matrices,
            zkey.inputs,
            zkey.rows,
            witness,
        );
        ark::encode(&proof.map_err(BenchError::ark)?)
    };
    let (proof, prepared) = (prove()?, prepare_verifying_key(&zkey.key.vk));
    let prove = Subject::new("semaphore_prove_cold", Impl::Ark, move || {
        black_box(prove()?);
        Ok(())
    });
    let verify = Subject::new("semaphore_verify_single", Impl::Ark, || {
        let holds = ark::verify(&prepared, inputs, &proof)?;
        if holds { Ok(()) } else { Err(BenchError::Wrong("Semaphore's key through arkworks")) }
    });
    alternate(threads, effort, vec![prove, verify])
}
