//! The page, in a real browser: what it draws, what clicks do, what hostile names do not. Pictures lie in `target/tmp` afterwards.
//!
//! Needs Chromium (`CHROMIUM` says where, else the usual names are looked for); says so and passes without.

#[cfg(test)]
mod browser;
#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::{Value as Json, json};
    use van_collector::hub::{Clock, Hub};
    use vanflow::collector::Settings;
    use vanflow::message::{beacon, records};
    use vanflow::record::{Attribute, RecordType, Scalar};

    use crate::browser::{Browser, Tab};
    use crate::common::big::{self, Big, of};
    use crate::common::{Server, played, v2_main};

    const WIDE: (u32, u32) = (1440, 1000);
    const NARROW: (u32, u32) = (390, 1000);

    async fn five() -> Server {
        Server::of(played(&v2_main()).await).await
    }

    async fn five_hundred() -> Server {
        Server::of(of(Big { sites: 6, processes: 500, services: 10, connections: 3_000 })).await
    }

    async fn open(tab: &mut Tab, server: &Server, theme: &str, size: (u32, u32)) {
        tab.look(theme, size).await;
        tab.open(&format!("http://{}/", server.address)).await;
        tab.until("document.body.dataset.drawn === 'yes'").await;
    }

    fn number(json: &Json) -> u64 {
        json.as_u64().unwrap_or(0)
    }

    #[tokio::test]
    async fn is_drawn_light_and_dark_narrow_and_wide_small_and_large() {
        let Some(browser) = Browser::start().await else { return };
        let mut tab = browser.tab().await;
        for (name, server, processes) in [("5", five().await, 5), ("500", five_hundred().await, 500)] {
            let mut grounds = Vec::new();
            for theme in ["light", "dark"] {
                for (shape, size) in [("wide", WIDE), ("narrow", NARROW)] {
                    open(&mut tab, &server, theme, size).await;
                    let picture =
                        tab.picture(Path::new(env!("CARGO_TARGET_TMPDIR")), &format!("page-{name}-{theme}-{shape}.png")).await;
                    assert!(picture > 10_000, "a picture of {picture} octets shows nothing");
                    // Every process is there, and has a name to be found by.
                    let drawn = tab.ask("new Set([...document.querySelectorAll('#traffic .node:not(.service), #traffic .cell, #idle .node, #idle .cell')].map((node) => node.title)).size").await;
                    assert!(number(&drawn) >= processes - 1, "{drawn} of {processes} {name} {theme} {shape}");
                    // Nothing sticks out sideways, and no text runs out of its box.
                    assert_eq!(
                        tab.ask("document.documentElement.scrollWidth <= innerWidth").await,
                        true,
                        "{name} {theme} {shape}"
                    );
                    let cut = tab.ask("[...document.querySelectorAll('.node, .place, .part, .site, .item, .mark')].filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.textContent)").await;
                    assert_eq!(cut, json!([]), "{name} {theme} {shape}");
                    // Lines begin and end at boxes.
                    assert_eq!(
                        tab.ask("[...document.querySelectorAll('#traffic .edge')].every((edge) => edge.getTotalLength() > 10)")
                            .await,
                        true
                    );
                    assert!(number(&tab.ask("document.querySelectorAll('#traffic .edge').length").await) > 5);
                    // However many there are, it stays a picture: a few screens at most.
                    let height = number(&tab.ask("document.querySelector('.map').offsetHeight").await);
                    assert!(height < if shape == "wide" { 2_000 } else { 3_000 }, "{height} {name} {theme} {shape}");
                    grounds.push(tab.ask("getComputedStyle(document.body).backgroundColor").await);
                    let contrast = tab.ask(CONTRAST).await;
                    assert!(contrast.as_f64().unwrap() >= 4.5, "{name} {theme}: contrast {contrast}");
                }
            }
            assert_ne!(grounds[0], grounds[2]);
            assert_eq!((&grounds[0], &grounds[2]), (&grounds[1], &grounds[3]));
            assert_eq!(tab.complaints(), [""; 0]);
        }
    }

    /// The least contrast (WCAG 2.1) of the texts that say something, over what they stand on.
    const CONTRAST: &str = r"
        (() => {
          const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
          const read = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
          const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4); return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
          const ground = (node) => { for (let at = node; at; at = at.parentElement) { const colour = read(getComputedStyle(at).backgroundColor); if (colour[3] === 255) return colour; } return [255, 255, 255]; };
          const texts = document.querySelectorAll('.name, .about, .mark, .where, .counts li, .facts dd, .item .line, .legend li, h2, .link');
          return Math.min(...[...texts].filter((node) => !node.closest('.ended, .missed')).map((node) => {
            const [one, other] = [light(read(getComputedStyle(node).color)), light(ground(node))].sort((a, b) => b - a);
            return (one + 0.05) / (other + 0.05);
          }));
        })()";

    #[tokio::test]
    async fn clicks_show_connections_and_requests() {
        let Some(browser) = Browser::start().await else { return };
        let mut tab = browser.tab().await;
        let server = five().await;
        open(&mut tab, &server, "light", WIDE).await;
        let panel = "document.getElementById('panel').textContent";
        let click = |selector: &str, text: &str| {
            format!("[...document.querySelectorAll('{selector}')].find((node) => node.textContent.includes('{text}')).click()")
        };
        // A service: its connections, with their errors, and its requests.
        tab.ask(&click(".node.service", "refused:1")).await;
        tab.until(&format!("{panel}.includes('Connections: 5')")).await;
        assert_eq!(tab.ask("document.querySelectorAll('#panel .item.bad .error').length >= 5").await, true);
        assert_eq!(tab.ask(&format!("{panel}.includes('refused-connector')")).await, true);
        tab.ask(&click(".node.service", "web:8080")).await;
        tab.until(&format!("{panel}.includes('Connections: 12') && {panel}.includes('the newest 50 of 64')")).await;
        tab.ask("document.querySelectorAll('#panel .more:not([hidden])')[0].click()").await;
        tab.until(&format!("{panel}.includes('Requests: 64')")).await;
        assert_eq!(tab.ask("document.querySelectorAll('#traffic .node.on').length > 0 && document.querySelectorAll('#traffic .edge.on').length > 0").await, true);
        tab.picture(Path::new(env!("CARGO_TARGET_TMPDIR")), "page-service.png").await;
        // A connection unfolds: routers passed, requests on it.
        tab.ask("document.querySelector('#panel button.item').click()").await;
        tab.until(&format!("{panel}.includes('Routers passed') && {panel}.includes('GET 200 OK')")).await;
        // A process, a site, a router, a link, a line.
        tab.ask(&click("#traffic .node", "echo-pod-1")).await;
        tab.until(&format!("{panel}.includes('Connections: 21')")).await;
        tab.ask(&click(".site > button", "east")).await;
        tab.until(&format!("{panel}.includes('site-east-0002') && {panel}.includes('Connections: 38')")).await;
        tab.ask(&click(".router", "rtr-west")).await;
        tab.until(&format!("{panel}.includes('skupper-router-7c9f8d6b5-w3st0') && {panel}.includes('Connections: 42')")).await;
        tab.ask(&click(".link", "up")).await;
        tab.until(&format!("{panel}.includes('link-to-west') && {panel}.includes('Connections: 38')")).await;
        tab.ask("document.querySelector('#traffic .hit').dispatchEvent(new MouseEvent('click', { bubbles: true }))").await;
        tab.until(&format!("{panel}.includes('From clients to a service')")).await;
        // Nothing picked: sources, logs.
        tab.ask("dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))").await;
        tab.until(&format!("{panel}.includes('Sources: 3') && {panel}.includes('framing-error')")).await;
        // Found by name, the others fade.
        tab.ask("(() => { const find = document.getElementById('find'); find.value = 'ECHO-POD'; find.dispatchEvent(new Event('input')); })()").await;
        assert_eq!(
            tab.ask("[...document.querySelectorAll('#traffic .node:not(.missed)')].map((node) => node.title)").await,
            json!(["echo-pod-1"])
        );
        assert_eq!(tab.complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn groups_of_many_open_into_their_processes() {
        let Some(browser) = Browser::start().await else { return };
        let mut tab = browser.tab().await;
        let server = five_hundred().await;
        open(&mut tab, &server, "dark", WIDE).await;
        tab.ask("document.querySelector('#traffic .part').click()").await;
        tab.until("/Processes: \\d+/.test(document.getElementById('panel').textContent) && document.querySelectorAll('#panel button.item').length > 5").await;
        tab.picture(Path::new(env!("CARGO_TARGET_TMPDIR")), "page-group.png").await;
        tab.ask("document.querySelector('#traffic .cell').click()").await;
        tab.until("document.querySelector('#panel .kind').textContent === 'Process'").await;
        assert_eq!(tab.complaints(), [""; 0]);
    }

    const EVIL: &str = "<img src=x onerror=\"window.evil=1\"></script><script>window.evil=1</script>\u{202e}javascript:alert(1)";

    #[tokio::test]
    async fn names_are_text_whatever_they_say() {
        let Some(browser) = Browser::start().await else { return };
        let mut tab = browser.tab().await;
        let hub = Hub::new(Settings::default(), Clock::Recording, EVIL, None);
        let text = |text: &'static str| Scalar::Text(text.into());
        let send = |address: &str, kind: RecordType, identity: &str, attributes: &[(Attribute, Scalar<'_>)]| {
            hub.message(big::NOW, address, &records(None, address, &[(kind, identity, attributes)]));
        };
        hub.message(big::NOW, "mc/sfe.all", &beacon(EVIL, "e:0", "mc/sfe.e:0", "sfe.e:0"));
        let base = "mc/sfe.e:0";
        send(
            base,
            RecordType::SITE,
            EVIL,
            &[(Attribute::PLATFORM, text(EVIL)), (Attribute::NAMESPACE, text(EVIL)), (Attribute::NAME, text(EVIL))],
        );
        send(
            base,
            RecordType::ROUTER,
            "e:0",
            &[(Attribute::PARENT, text(EVIL)), (Attribute::MODE, text(EVIL)), (Attribute::NAME, text(EVIL))],
        );
        send(
            base,
            RecordType::LINK,
            "e:9",
            &[(Attribute::PARENT, text("e:0")), (Attribute::NAME, text(EVIL)), (Attribute::OPER_STATUS, text(EVIL))],
        );
        send(
            base,
            RecordType::LISTENER,
            "e:2",
            &[
                (Attribute::PARENT, text("e:0")),
                (Attribute::PROTOCOL, text(EVIL)),
                (Attribute::ADDRESS, text(EVIL)),
                (Attribute::NAME, text(EVIL)),
            ],
        );
        send(
            base,
            RecordType::PROCESS,
            "p",
            &[
                (Attribute::PARENT, text(EVIL)),
                (Attribute::SOURCE_HOST, text(EVIL)),
                (Attribute::NAME, text(EVIL)),
                (Attribute::GROUP, text(EVIL)),
            ],
        );
        send(
            "mc/sfe.e:0.logs",
            RecordType::LOG,
            "e:4",
            &[(Attribute::PARENT, text("e:0")), (Attribute::LOG_SEVERITY, Scalar::Number(3)), (Attribute::LOG_TEXT, text(EVIL))],
        );
        send(
            "mc/sfe.e:0.flows",
            RecordType::BIFLOW_TPORT,
            "e:3",
            &[
                (Attribute::PARENT, text("e:2")),
                (Attribute::SOURCE_HOST, text(EVIL)),
                (Attribute::ERROR_LISTENER_SIDE, text(EVIL)),
            ],
        );
        send(
            "mc/sfe.e:0.flows",
            RecordType::BIFLOW_APP,
            "e:5",
            &[
                (Attribute::PARENT, text("e:3")),
                (Attribute::METHOD, text(EVIL)),
                (Attribute::RESULT, text(EVIL)),
                (Attribute::REASON, text(EVIL)),
            ],
        );
        let server = Server::of(Arc::clone(&hub)).await;
        for size in [WIDE, NARROW] {
            open(&mut tab, &server, "light", size).await;
            for selector in [".site > button", ".router", ".link", ".node.service", "#traffic .node:not(.service)"] {
                assert_eq!(tab.ask(&format!("document.querySelector('{selector}').textContent.length > 0")).await, true);
                tab.ask(&format!("document.querySelector('{selector}').click()")).await;
                tokio::time::sleep(Duration::from_millis(250)).await;
                tab.ask("document.querySelector('#panel button.item')?.click()").await;
                assert_eq!(tab.ask("document.querySelectorAll('img, script:not([src]), iframe').length").await, 0, "{selector}");
            }
            assert_eq!(tab.ask("window.evil === undefined").await, true);
            assert_eq!(tab.ask("document.documentElement.scrollWidth <= innerWidth").await, true);
        }
        assert_eq!(tab.ask("document.body.textContent.includes('<img src=x onerror=')").await, true, "it is shown as it is");
        assert_eq!(tab.complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn draws_what_happens_while_it_is_open() {
        let Some(browser) = Browser::start().await else { return };
        let mut tab = browser.tab().await;
        let hub = Hub::new(Settings::default(), Clock::Recording, "live", None);
        let server = Server::of(Arc::clone(&hub)).await;
        open(&mut tab, &server, "light", WIDE).await;
        assert_eq!(
            tab.ask("document.getElementById('topology').textContent.includes('No site has been described yet')").await,
            true
        );
        big::tell(&hub, Big { sites: 2, processes: 6, services: 2, connections: 20 });
        tab.until("document.querySelectorAll('.site').length === 2 && document.querySelectorAll('#traffic .edge').length > 3")
            .await;
        // A record known in part says so, and stops saying it.
        let text = |text: &'static str| Scalar::Text(text.into());
        let part = |attributes: &[(Attribute, Scalar<'_>)]| {
            hub.message(
                big::NOW,
                "mc/sfe.r000x:0",
                &records(None, "mc/sfe.r000x:0", &[(RecordType::SITE, "site-new", attributes)]),
            );
        };
        part(&[(Attribute::NAME, text("half a site"))]);
        tab.until("[...document.querySelectorAll('.site')].some((site) => site.textContent.includes('half a site') && site.textContent.includes('partial'))").await;
        part(&[(Attribute::START_TIME, Scalar::Number(1_799_999_000_000_000))]);
        tab.until("[...document.querySelectorAll('.site')].some((site) => site.textContent.includes('half a site') && !site.textContent.includes('partial'))").await;
        assert_eq!(tab.complaints(), [""; 0]);
    }
}
