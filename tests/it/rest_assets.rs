//! The built pages and scripts, as they are handed out: from a folder of the test's own, laid out as a build lays it
//! out.

use std::{fs, path::Path};

use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tempfile::TempDir;

use crate::helpers::{
    app::TestApp,
    database::TestDatabase,
    limits::set_settings,
    rest::{Answer, expect, raw},
};

const SCRIPT: &str = "/static/app-0a1B_3-d.js";

/// What the script's forms contain. No browser is here to unpack them.
const FORMS: [(&str, &str); 3] = [
    ("", "plain script"),
    (".br", "script in brotli"),
    (".gz", "script in gzip"),
];

const FOREVER: &str = "public, max-age=31536000, immutable";
const FIVE_MINUTES: &str = "public, max-age=300";

/// A built folder, with something beside it that is none of it.
fn built() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("secret.js", "secret");
    write("dist/index.html", "<!doctype html><title>App</title>");
    write("dist/embed/doctor.html", "<!doctype html><title>Doctor</title>");
    for (suffix, text) in FORMS {
        write(&format!("dist{SCRIPT}{suffix}"), text);
    }
    for (name, text) in [
        ("chat.js", "loader"),
        ("parlour-client.js", "client"),
        ("static/LICENSES", "notices"),
        ("static/integrity.json", "{}"),
        ("static/.hidden.js", "secret"),
        ("static/notes.txt", "secret"),
        ("static/style-01234567.css", "p{}"),
    ] {
        write(&format!("dist/{name}"), text);
    }
    folder
}

async fn start(db: TestDatabase, folder: &Path) -> TestApp {
    let dist = folder.join("dist");
    TestApp::start_with(db, |settings| settings.server.ui_dir = Some(dist)).await
}

fn get(app: &TestApp, path: &str) -> RequestBuilder {
    app.request(Method::GET, path)
}

fn policy(page: &Answer) -> &str {
    page.header("content-security-policy")
}

both_engines! {
    async fn a_client_gets_the_smallest_form_that_it_takes(db: TestDatabase) {
        let folder = built();
        let app = start(db, folder.path()).await;
        let [plain, brotli, gzip] = FORMS.map(|(_, text)| text);
        let mut tags = Vec::new();
        for (accepted, encoding, text) in [
            (None, "", plain),
            (Some("identity"), "", plain),
            (Some("deflate, zstd"), "", plain),
            (Some("br;q=0, gzip;q=0"), "", plain),
            (Some("*"), "", plain),
            (Some("gzip, deflate"), "gzip", gzip),
            (Some("gzip;q=1.0, br;q=0"), "gzip", gzip),
            (Some("gzip, deflate, br, zstd"), "br", brotli),
            (Some("br;q=0.1, gzip"), "br", brotli),
        ] {
            let mut request = get(&app, SCRIPT);
            if let Some(accepted) = accepted {
                request = request.header("accept-encoding", accepted);
            }
            let file = expect(request, 200).await;
            assert_eq!((file.header("content-encoding"), file.text.as_str()), (encoding, text), "{accepted:?}");
            assert_eq!(file.header("content-length"), text.len().to_string());
            assert_eq!(file.header("content-type"), "text/javascript; charset=utf-8");
            assert_eq!(file.header("vary"), "Accept-Encoding");
            assert!(file.header("etag").starts_with('"'), "a strong tag");
            tags.push((encoding, file.header("etag").to_owned()));
        }
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), 3, "one tag for each form: {tags:?}");
        // Where nothing was compressed there is one form.
        let file = expect(get(&app, "/chat.js").header("accept-encoding", "br"), 200).await;
        assert_eq!((file.header("content-encoding"), file.text.as_str()), ("", "loader"));
    }

    async fn who_has_a_form_already_is_told_so(db: TestDatabase) {
        let folder = built();
        let app = start(db, folder.path()).await;
        let ask = |known: &str, accepted: &str| {
            get(&app, SCRIPT).header("if-none-match", known).header("accept-encoding", accepted)
        };
        let tag_of = async |accepted: &str| {
            let file = expect(get(&app, SCRIPT).header("accept-encoding", accepted), 200).await;
            file.header("etag").to_owned()
        };
        let (plain, brotli) = (tag_of("identity").await, tag_of("br").await);
        for known in [brotli.as_str(), &format!("W/{brotli}"), &format!("\"x\", {brotli}"), "*"] {
            let unchanged = expect(ask(known, "br"), 304).await;
            assert_eq!((unchanged.header("etag"), unchanged.text.as_str()), (brotli.as_str(), ""), "{known}");
            assert_eq!(unchanged.header("cache-control"), FOREVER);
            assert_eq!(unchanged.header("vary"), "Accept-Encoding");
            assert_eq!(unchanged.header("access-control-allow-origin"), "*");
        }
        for (known, accepted) in [(&plain, "br"), (&brotli, "identity"), (&"garbage".to_owned(), "br")] {
            expect(ask(known, accepted), 200).await;
        }
        fs::write(folder.path().join(format!("dist{SCRIPT}.br")), "another build").unwrap();
        assert_eq!(expect(ask(&brotli, "br"), 200).await.text, "another build");
        assert_ne!(tag_of("br").await, brotli);
    }

    async fn files_are_kept_for_as_long_as_they_stay_true(db: TestDatabase) {
        let folder = built();
        let app = start(db, folder.path()).await;
        for (path, kept, content_type) in [
            (SCRIPT, FOREVER, "text/javascript; charset=utf-8"),
            ("/static/style-01234567.css", FOREVER, "text/css; charset=utf-8"),
            ("/chat.js", FIVE_MINUTES, "text/javascript; charset=utf-8"),
            ("/parlour-client.js", FIVE_MINUTES, "text/javascript; charset=utf-8"),
            ("/static/LICENSES", FIVE_MINUTES, "text/plain; charset=utf-8"),
            ("/static/integrity.json", FIVE_MINUTES, "application/json"),
        ] {
            let file = expect(get(&app, path).header("origin", "https://any.example"), 200).await;
            for (name, value) in [
                ("cache-control", kept),
                ("content-type", content_type),
                ("x-content-type-options", "nosniff"),
                ("access-control-allow-origin", "*"),
                ("access-control-allow-credentials", ""),
                ("cross-origin-resource-policy", "cross-origin"),
                ("set-cookie", ""),
                ("accept-ranges", ""),
            ] {
                assert_eq!(file.header(name), value, "{path} {name}");
            }
            // Parts are not offered, so who asks for one gets all.
            let whole = expect(get(&app, path).header("range", "bytes=0-1"), 200).await;
            assert_eq!((whole.text.as_str(), whole.header("content-range")), (file.text.as_str(), ""));
            let head = expect(app.request(Method::HEAD, path), 200).await;
            assert_eq!(head.text, "");
            for name in ["etag", "content-length", "content-type", "cache-control"] {
                assert_eq!(head.header(name), file.header(name), "{path} {name}");
            }
        }
        let missing = expect(get(&app, "/static/app-00000000.js"), 404).await;
        assert_eq!((missing.header("cache-control"), missing.error()), ("no-store", "not found"));
    }

    async fn nothing_but_what_was_built_for_clients_is_handed_out(db: TestDatabase) {
        let folder = built();
        let app = start(db, folder.path()).await;
        let outside = folder.path().join("secret.js");
        let absolute = outside.to_str().unwrap();
        for path in [
            "/static/../../secret.js",
            "/static/../chat.js/../../secret.js",
            "/static/%2e%2e/%2e%2e/secret.js",
            "/static/..%2f..%2fsecret.js",
            "/static/%2e%2e%2f%2e%2e%2fsecret.js",
            "/static/..\\..\\secret.js",
            "/static/....//....//secret.js",
            "/static/.hidden.js",
            "/static/%2ehidden.js",
            "/static/notes.txt",
            "/static/app-0a1B_3-d.js.br",
            "/static/app-0a1B_3-d.js.gz",
            "/static/app-0a1B_3-d.js/",
            "/static/app-0a1B_3-d.js%00.css",
            "/static//app-0a1B_3-d.js",
            "/static/",
            "/static",
            "/static/index.html",
            "/index.html",
            "/embed/doctor.html",
            "/secret.js",
            &format!("/static/{absolute}"),
            &format!("/static{absolute}"),
        ] {
            // As it stands: clients tidy paths up before they send them.
            let answer = raw(&app, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
            assert!(answer.starts_with("HTTP/1.1 404 ") || answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
            assert!(!answer.contains("secret"), "{path}: {answer}");
        }
        for (method, path) in [(Method::POST, "/chat.js"), (Method::PUT, SCRIPT), (Method::DELETE, "/")] {
            expect(app.request(method, path), 404).await;
        }
    }

    async fn a_page_may_do_what_it_needs_and_no_more(db: TestDatabase) {
        let folder = built();
        let app = start(db, folder.path()).await;
        let host = app.address.to_string();
        let expected = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws://{host} wss://{host}; \
             img-src 'self' https: data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; \
             trusted-types 'none'; frame-ancestors 'self'"
        );
        for (path, title) in [("/", "App"), ("/embed/doctor", "Doctor"), ("/?tenant=nowhere&room=x", "App")] {
            let page = expect(get(&app, path).header("accept", "text/html,*/*;q=0.8"), 200).await;
            assert!(page.text.contains(&format!("<title>{title}</title>")), "{path}");
            assert_eq!(policy(&page), expected);
            for (name, value) in [
                ("content-type", "text/html; charset=utf-8"),
                ("cache-control", "no-cache"),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-opener-policy", "same-origin"),
                ("x-content-type-options", "nosniff"),
                ("access-control-allow-origin", ""),
                ("set-cookie", ""),
            ] {
                assert_eq!(page.header(name), value, "{path} {name}");
            }
            let again = get(&app, path).header("if-none-match", page.header("etag"));
            let unchanged = expect(again, 304).await;
            assert_eq!(policy(&unchanged), expected, "what is kept gets the policy of now");
        }
    }

    async fn the_host_of_a_policy_is_a_host(db: TestDatabase) {
        let folder = built();
        let app = start(db, folder.path()).await;
        let of = async |host: &str| {
            let answer = raw(&app, &format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")).await;
            let line = answer.lines().find(|line| line.starts_with("content-security-policy: ")).map(str::to_owned);
            line.unwrap_or_else(|| panic!("{host}: {answer}"))
        };
        let named = of("chat.example:8443").await;
        assert!(named.contains("connect-src 'self' ws://chat.example:8443 wss://chat.example:8443; "), "{named}");
        for host in ["[::1]:4000", "a,b", "x;script-src*", "x'", "\"", "ex ample"] {
            let policy = of(host).await;
            assert!(policy.contains("connect-src 'self'; img-src"), "{host}: {policy}");
        }
    }

    async fn pages_are_for_one_tenants_frames_and_kept_by_none(db: TestDatabase) {
        let folder = built();
        let app = start(db, folder.path()).await;
        for tenant in ["acme", "globex"] {
            app.user(tenant, "alice").await;
            set_settings(&app, tenant, json!({ "allowed_origins": [format!("https://{tenant}.example")] })).await;
        }
        for path in ["/", "/embed/doctor"] {
            for tenant in ["acme", "globex"] {
                let page = expect(get(&app, &format!("{path}?tenant={tenant}")), 200).await;
                let ancestors = format!("frame-ancestors 'self' https://{tenant}.example");
                assert!(policy(&page).ends_with(&ancestors), "{}", policy(&page));
                // Stored under its own address, and asked for again each time.
                assert_eq!(page.header("cache-control"), "no-cache");
            }
        }
    }

    async fn programs_find_a_signpost_where_people_find_the_app(db: TestDatabase) {
        let folder = built();
        let app = start(db, folder.path()).await;
        for accepted in ["application/json", "application/json, text/plain, */*", "application/json;q=0.5"] {
            let signpost = expect(get(&app, "/").header("accept", accepted), 200).await;
            assert_eq!(signpost.data()["socket"], "/chat/socket", "{accepted}");
            assert_eq!(policy(&signpost), "default-src 'none'; frame-ancestors 'self'");
            assert_eq!(signpost.header("vary"), "Accept");
        }
        for accepted in ["text/html", "*/*", "text/html,application/json", "image/png"] {
            let page = expect(get(&app, "/").header("accept", accepted), 200).await;
            assert!(page.text.contains("<title>App</title>"), "{accepted}");
            let vary: Vec<_> = page.headers.get_all("vary").iter().collect();
            assert_eq!(vary, ["Accept-Encoding", "Accept"]);
        }
    }

    async fn a_rooms_address_leads_into_the_app(db: TestDatabase) {
        let folder = built();
        let app = start(db, folder.path()).await;
        for (path, location) in [
            ("/chat/general", "../?room=general"),
            ("/chat/general?tenant=acme&locale=de", "../?room=general&tenant=acme&locale=de"),
            ("/chat/general?room=other", "../?room=general"),
            ("/chat/a%26tenant=evil", "../?room=a%26tenant%3Devil"),
            ("/chat/%0d%0ax-evil:%201", "../?room=%0D%0Ax-evil%3A+1"),
            ("/chat/%2F%2Fevil.example", "../?room=%2F%2Fevil.example"),
        ] {
            let answer = raw(&app, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
            assert!(answer.starts_with("HTTP/1.1 302 "), "{path}: {answer}");
            assert!(answer.contains(&format!("\r\nlocation: {location}\r\n")), "{path}: {answer}");
            assert!(!answer.contains("\r\nx-evil"), "{answer}");
        }
        for path in ["/chat/a/b", "/chat/", "/chat/socket"] {
            expect(get(&app, path), 404).await;
        }
    }

    async fn whatever_is_answered_runs_no_script_in_a_browser(db: TestDatabase) {
        let folder = built();
        let app = start(db, folder.path()).await;
        for (path, status) in [
            ("/nowhere", 404),
            ("/static/nowhere.js", 404),
            ("/embed/nowhere", 404),
            ("/api/v1/rooms", 401),
            ("/api/v1/tenant", 200),
            ("/health/live", 200),
        ] {
            let answer = expect(get(&app, path), status).await;
            assert_eq!(policy(&answer), "default-src 'none'; frame-ancestors 'none'", "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        }
    }

    async fn without_pages_the_api_answers_and_a_page_says_how_to_build_them(db: TestDatabase) {
        let app = TestApp::start(db).await;
        for path in ["/", "/embed/doctor"] {
            let page = expect(get(&app, path), 200).await;
            assert!(page.text.contains("make ui") && page.header("content-type").starts_with("text/html"), "{path}");
            assert_eq!(policy(&page), "default-src 'none'; frame-ancestors 'self'");
            assert_eq!(page.header("cache-control"), "no-store", "once they are there, they are shown");
        }
        for path in ["/chat.js", "/parlour-client.js", SCRIPT] {
            expect(get(&app, path), 404).await;
        }
        expect(get(&app, "/api/v1/tenant"), 200).await;
        assert_eq!(expect(get(&app, "/").header("accept", "application/json"), 200).await.data()["docs"], "/docs/");
    }
}
