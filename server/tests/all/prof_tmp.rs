use crate::people::*;
use std::time::Instant;
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prof() {
    let rows = 100_000;
    let all = people(0..rows);
    let t = Instant::now();
    let leaves: Vec<_> = all.iter().take(10000).map(|p| p.leaf()).collect();
    println!("10k leaves H4 (incl parse): {:?}", t.elapsed());
    let mut l = leaves.clone();
    for _ in 0..9 {
        l.extend_from_slice(&leaves);
    }
    let t = Instant::now();
    let tree = veilpass_protocol::tree::Tree::from_leaves(l);
    println!("tree 100k: {:?} {}", t.elapsed(), tree.places());
    let mut fixture = Fixture::new(90).await;
    let file = fixture.file("people.csv", &csv_file(&all));
    let t = Instant::now();
    fixture.import_file(&file, None).await.unwrap();
    println!("import {:?}", t.elapsed());
    let t = Instant::now();
    let st = fixture.authority.store().sealing_state().await.unwrap();
    println!("state with 100k pending {:?} {}", t.elapsed(), st.changes.len());
    let t = Instant::now();
    fixture.seal(1).await;
    println!("seal {:?}", t.elapsed());
    let t = Instant::now();
    let st = fixture.authority.store().sealing_state().await.unwrap();
    println!("state with 100k live {:?} {}", t.elapsed(), st.leaves.len());
    let t = Instant::now();
    fixture.seal(2).await;
    println!("empty seal {:?}", t.elapsed());
    let t = Instant::now();
    fixture.import_file(&file, None).await.unwrap();
    println!("import again {:?}", t.elapsed());
}
