//! What a figure was measured on, and with what.

use serde::{Deserialize, Serialize};
use veilpass_kernels::Machine as Instructions;

/// Machine, compiler and flags: without them a figure means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Name of the processor, as the system gives it.
    pub cpu: String,
    /// Logical cores that this process may use.
    pub cores: usize,
    /// Extensions that matter to field arithmetic and that the processor has. Whether the program uses the last
    /// of them is in `instructions`.
    pub features: Vec<String>,
    /// What this process computes with: `portable`, or `avx512ifma` where the processor has it and
    /// `VEILPASS_MACHINE` does not say otherwise.
    pub instructions: String,
    /// Operating system and architecture.
    pub os: String,
    /// The compiler.
    pub rustc: String,
    /// Profile, optimisation and flags that the program was compiled with.
    pub profile: String,
}

impl Machine {
    /// This one.
    pub fn here() -> Machine {
        Machine {
            cpu: cpu().unwrap_or_else(|| "unknown".into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            features: features(),
            instructions: Instructions::current().name().into(),
            os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            rustc: env!("VEILPASS_RUSTC").into(),
            profile: profile(),
        }
    }

    /// Compiler, build and instructions for people.
    pub fn build(&self) -> String {
        format!("{}; {}; computes with {} instructions", self.rustc, self.profile, self.instructions)
    }

    /// Whether the program was compiled for speed; other figures are for comparing within one run only.
    pub fn is_release(&self) -> bool {
        self.profile.starts_with("release")
    }
}

/// Linux says it here; elsewhere it is unknown.
fn cpu() -> Option<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<String> {
    let asked = [
        ("bmi2", is_x86_feature_detected!("bmi2")),
        ("adx", is_x86_feature_detected!("adx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512ifma", is_x86_feature_detected!("avx512ifma")),
    ];
    asked.into_iter().filter(|(_, there)| *there).map(|(name, _)| name.to_owned()).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<String> {
    Vec::new()
}

fn profile() -> String {
    let flags = match env!("VEILPASS_RUSTFLAGS") {
        "" => "no flags".to_owned(),
        flags => format!("flags {flags}"),
    };
    let compiled: Vec<&str> = env!("VEILPASS_TARGET_FEATURES").split(',').collect();
    // The one thing of these that changes what arkworks does: its assembly.
    let assembly = ["bmi2", "adx"].iter().all(|name| compiled.contains(name));
    let assembly = if assembly { "with" } else { "without" };
    format!(
        "{}, opt-level {}, {flags}, {assembly} bmi2 and adx at build time",
        env!("VEILPASS_PROFILE"),
        env!("VEILPASS_OPT_LEVEL")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_description() {
        let machine = Machine::here();
        assert!(machine.cores >= 1 && machine.rustc.starts_with("rustc "), "{machine:?}");
        assert_eq!(machine.is_release(), machine.profile.starts_with("release,"));
    }
}
