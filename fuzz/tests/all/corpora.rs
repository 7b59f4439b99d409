//! The corpora in the repository.

use std::collections::BTreeSet;
use veilpass_fuzz::runner::judge;
use veilpass_fuzz::{Verdict, corpus, targets};

/// Small files, a folder for every target and for nothing else, and every file keeps its promises. Of each
/// target something is accepted: else nothing behind its parser's first check would ever be tried.
#[test]
fn every_input_holds_and_each_target_accepts_something() {
    let folder = corpus::folder();
    let mut bytes = 0;
    for target in targets::ALL {
        let inputs = corpus::inputs(target, &folder).unwrap();
        let accepted = inputs.iter().filter(|input| {
            bytes += input.len();
            assert!(input.len() < 100_000, "{}: a file of {} bytes", target.name, input.len());
            // Reading a whole proving key takes half a second; the runner replays that corpus.
            let slow = target.name == "proving_key" && input.len() > 1;
            !slow
                && judge(target, input).unwrap_or_else(|said| panic!("{}: {said}", target.name))
                    == Verdict::Accepted
        });
        assert!(accepted.count() > 0, "{} accepts nothing", target.name);
    }
    assert!(bytes < 1_000_000, "{bytes} bytes");
    let named: BTreeSet<String> = targets::ALL.iter().map(|target| target.name.to_owned()).collect();
    let found =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(found.collect::<BTreeSet<_>>(), named);
}

/// The seeds are in the corpora, so that libFuzzer begins with them.
#[test]
fn the_seeds_are_committed() {
    for target in targets::ALL {
        let in_folder = std::fs::read_dir(corpus::folder().join(target.name)).unwrap().count();
        let all = corpus::inputs(target, &corpus::folder()).unwrap().len();
        assert_eq!(all, in_folder, "{}: run `cargo run -p veilpass-fuzz -- seeds`", target.name);
    }
}
