//! A head is held back until the first content, within bounds, and only where there is a next step.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_head_is_held_back_for_at_most_a_second() {
    for content_type in ["text/event-stream", "application/json"] {
        // Keep-alives do not extend the bound.
        for (parts, every) in [(&[][..], 0), (&["\n", "\n", "\n", "\n", "\n", "\n"][..], 300)] {
            let (mut sender, body) = Channel::<Bytes, BoxError>::new(64);
            let body = Mutex::new(Some(body));
            let scene = first(move || {
                let body = body.lock().unwrap().take().unwrap().boxed_unsync();
                Ok(Response::builder().header("content-type", content_type).body(body).unwrap())
            });
            let sent = async {
                for part in parts {
                    sender.send_data(Bytes::from_static(part.as_bytes())).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(every)).await;
                }
                sender
            };
            let began = Instant::now();
            let held = async { (scene.head(CHAT, &[], request()).await, began.elapsed()) };
            let ((head, after), mut sender) = tokio::join!(held, sent);
            assert_eq!(after, Duration::from_secs(1), "{content_type}");
            sender.send_data(Bytes::from_static(FAULT.as_bytes())).await.unwrap();
            drop(sender);
            assert_eq!(head.headers()["cf-aig-step"], "0");
            let body = head.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, [&parts.concat(), FAULT].concat());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_is_held_back_for_at_most_four_kilobytes() {
    for comment in [": keep-alive\n\n", "\n"] {
        let (mut sender, rule) = live();
        let scene = first(rule);
        let most = comment.repeat(4096 / comment.len() + 1);
        for part in most.as_bytes().chunks(100) {
            sender.send_data(Bytes::copy_from_slice(part)).await.unwrap();
        }
        let head = timeout(Duration::from_millis(1), scene.head(CHAT, &[], request()));
        let head = head.await.expect("the head, at once");
        sender.send_data(Bytes::from_static(FAULT.as_bytes())).await.unwrap();
        drop(sender);
        let body = head.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, [&most, FAULT].concat());
        // Only events within the bound count.
        let least = comment.repeat((4096 - FAULT.len()) / comment.len());
        assert!(leads_on(CHAT, &[&least, FAULT].concat()).await);
        let scene = first(move || stream([&most, FAULT].concat().as_bytes(), 10_000));
        assert_eq!(scene.send(CHAT, &[], BODY).await.header("cf-aig-step"), Some("0"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_content_releases_the_head_at_once() {
    let (mut sender, rule) = live();
    let scene = first(rule);
    let began = Instant::now();
    let sent = async {
        for part in [": hi\n\n", ROLE] {
            sender.send_data(Bytes::from_static(part.as_bytes())).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        sender.send_data(Bytes::from_static(CONTENT.as_bytes())).await.unwrap();
        sender
    };
    let held = async { (scene.head(CHAT, &[], request()).await, began.elapsed()) };
    let ((head, after), mut sender) = tokio::join!(held, sent);
    assert!((200..210).contains(&after.as_millis()), "{after:?}");
    let mut body = head.into_body();
    for part in [": hi\n\n", ROLE, CONTENT] {
        assert_eq!(next(&mut body).await, part, "frame by frame, as they came");
    }
    sender.send_data(Bytes::from_static(FAULT.as_bytes())).await.unwrap();
    drop(sender);
    assert_eq!(next(&mut body).await, FAULT);
    assert!(body.frame().await.is_none());
    assert_eq!(scene.upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_next_step_nothing_is_held_back() {
    // There are chains, but not for this model.
    let other = FallbackChain::on("gpt-*").to("openai", "gpt");
    for settings in [keys(), keys().fallback(other)] {
        let (mut sender, rule) = live();
        let scene = Scene::new(settings, move |_, _| rule());
        let head = timeout(Duration::from_millis(1), scene.head(CHAT, &[], request()));
        let head = head.await.expect("the head, though nothing of the body is there");
        sender.send_data(Bytes::from_static(FAULT.as_bytes())).await.unwrap();
        drop(sender);
        assert_eq!(head.into_body().collect().await.unwrap().to_bytes(), FAULT);
    }
    // The same at the last step.
    let (sender, rule) = live();
    let chain = FallbackChain::on("*").to("openai", "gpt");
    let scene = Scene::new(keys().fallback(chain), move |_, before| match before {
        0 => json(503, "{}"),
        _ => rule(),
    });
    let head = timeout(Duration::from_millis(1), scene.head(CHAT, &[], request()));
    assert_eq!(head.await.expect("the head").headers()["cf-aig-step"], "1");
    sender.abort("over".into());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_while_a_head_is_held_back_ends_the_exchange() {
    let (mut sender, rule) = live();
    let scene = first(rule);
    sender.send_data(Bytes::from_static(ROLE.as_bytes())).await.unwrap();
    let head = timeout(Duration::from_millis(500), scene.head(CHAT, &[], request()));
    assert!(head.await.is_err());
    let gone = sender.send_data(Bytes::from_static(FAULT.as_bytes())).await;
    assert!(gone.is_err(), "nobody reads the provider's stream any more");
    assert_eq!(scene.events.end().outcome, Outcome::Cancelled);
    assert_eq!(scene.upstream.count(), 1);
}
