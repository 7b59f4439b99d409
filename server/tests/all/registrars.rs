//! The list of registrars, and what a removed one leaves behind.

use crate::authority_harness::{Serving, Wallet, application, number};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;
use veilpass_server::http::now;

#[tokio::test]
async fn a_removed_registrar_can_do_nothing_more() {
    let mut serving = Serving::start(880).await;
    let mut rng = StdRng::seed_from_u64(880);
    let wallets: Vec<Wallet> = (0..3).map(|_| Wallet::new(&mut rng)).collect();
    let name = serving.registrar.clone();
    let other = serving.fixture.authority.add_registrar("Other desk", now(), &mut rng).await.unwrap();

    // One application is confirmed, one redeemed, one only filed.
    serving.complete("enrol", &number(1), &wallets[0]).await;
    let (redeemed, code) = serving.file("enrol", &number(2)).await;
    let words = serving.redeem(&code, &wallets[1]).await.good(201).json()["words"].clone();
    let (filed, unused) = serving.file("enrol", &number(3)).await;

    let listed = serving.fixture.authority.registrars().await.unwrap();
    let names: Vec<&str> = listed.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&name.as_str()) && names.contains(&"Other desk"), "{names:?}");
    assert!(serving.fixture.authority.remove_registrar("Nobody", now()).await.is_err());

    assert_eq!(serving.fixture.authority.remove_registrar(&name, now()).await.unwrap(), 2);
    let listed = serving.fixture.authority.registrars().await.unwrap();
    assert!(listed.iter().all(|(listed, _)| *listed != name));
    assert!(serving.fixture.authority.remove_registrar(&name, now()).await.is_err(), "removed twice");

    // The attack: whoever has stolen the token goes on with what was under way.
    serving
        .as_registrar("/v1/applications", &application("enrol", &number(4)))
        .await
        .refused(401, "unauthorised");
    serving.confirm(&redeemed, &words).await.refused(401, "unauthorised");
    serving.redeem(&unused, &wallets[2]).await.refused(410, "code_expired");
    assert!(serving.fixture.authority.draw_registrar(&name, true, &mut rng).await.is_err());

    // The control: another registrar works, what was confirmed is sealed, and the name can come back.
    let body = application("enrol", &number(3)).to_string();
    serving.post_raw("/v1/applications", Some(&other), body.as_bytes()).await.good(201);
    serving.seal_elsewhere().await;
    assert_eq!(serving.fixture.authority.epoch(None).await.unwrap().statement.live, 1);
    let again = serving.fixture.authority.add_registrar(&name, now(), &mut rng).await.unwrap();
    let body = json!({"words": words}).to_string();
    for id in [&redeemed, &filed] {
        let target = format!("/v1/applications/{id}/confirm");
        serving.post_raw(&target, Some(&again), body.as_bytes()).await.refused(404, "not_found");
    }
    serving.stop().await;
}
