//! Parameters as they come in queries, forms and JSON.
use super::*;

fn query<'b>(query: &'b str, name: &str) -> Option<Cow<'b, str>> {
    Params::of_query(query).get(name)
}

#[test]
fn values_are_decoded() {
    assert_eq!(query("a=x%20y+z%2B", "a").as_deref(), Some("x y z+"));
    assert_eq!(query("a=%zz%4", "a").as_deref(), Some("%zz%4"));
    assert_eq!(query("a=%ff", "a").as_deref(), Some("\u{fffd}"));
    assert_eq!(query("a=x%00y", "a").as_deref(), Some("x\0y"));
    assert_eq!(query("a=b=c", "a").as_deref(), Some("b=c"));
}

#[test]
fn one_odd_segment_does_not_cost_the_others() {
    for odd in ["&flag", "&&", "&=x", "&\"<>\\^`{|}[]", "&%", "&\u{e4}"] {
        let text = format!("cname=a{odd}&content=b");
        assert_eq!(query(&text, "cname").as_deref(), Some("a"), "{odd}");
        assert_eq!(query(&text, "content").as_deref(), Some("b"), "{odd}");
    }
}

#[test]
fn the_first_wins_and_case_does_not_matter() {
    assert_eq!(query("CNAME=1&cname=2", "cname").as_deref(), Some("1"));
    assert_eq!(query("a;b=1", "b"), None);
    assert_eq!(query("", "a"), None);
}

/// What a search through all of it finds, which knows no places.
fn value<'b>(form: &'b str, name: &str) -> Option<&'b str> {
    form.split('&').find_map(|pair| {
        let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}

#[test]
fn what_is_noted_is_what_stands_there() {
    let mut chance = crate::chance::Chance::from_seed(1);
    let mut beyond = 0;
    for _ in 0..20_000 {
        let mut text = |most: u64| -> String {
            (0..chance.below(most)).map(|_| char::from(b"abAB&&&==;%"[chance.below(11) as usize])).collect()
        };
        let (query, body) = (text(60), text(40));
        let params = Params::of(&query, None, body.as_bytes()).unwrap();
        beyond += usize::from((params.rest.1 as usize) < query.len());
        for name in ["a", "b", "ab", "aa", ";"] {
            let found = value(&body, name).or_else(|| value(&query, name));
            let found = found.map(|value| decoded(value.as_bytes()));
            assert_eq!(params.get(name), found, "{name} in {body} and {query}");
        }
    }
    assert!(beyond > 1_000, "{beyond}");
    // Places beyond those that can be noted.
    let long = format!("a={}&b=2&c=3", "x".repeat(70_000));
    assert_eq!(["a", "b", "c"].map(|n| query(&long, n).unwrap().len()), [70_000, 1, 1]);
    let long = format!("b=2&a={}&c=3", "x".repeat(70_000));
    assert_eq!(["a", "b", "c"].map(|n| query(&long, n).unwrap().len()), [70_000, 1, 1]);
}

#[test]
fn the_body_wins_over_the_query() {
    let params = Params::of("cname=q&x=1", None, b"cname=b&content=hi%21").unwrap();
    assert_eq!(params.get("cname").as_deref(), Some("b"));
    assert_eq!(params.get("content").as_deref(), Some("hi!"));
    assert_eq!(params.get("x").as_deref(), Some("1"));
}

#[test]
fn a_json_body_is_understood() {
    let of =
        |body: &'static str| Params::of("cname=q", Some(b"application/json; charset=utf-8"), body.as_bytes());
    let params = of(r#"{"Cname":"j","content":"a\"\u00e4\n","seq":7,"data":{"x":[1,2]}}"#).unwrap();
    assert_eq!(params.get("cname").as_deref(), Some("j"));
    assert_eq!(params.get("content").as_deref(), Some("a\"ä\n"));
    assert_eq!(params.integer("seq"), Some(7));
    assert_eq!(params.get("data").as_deref(), Some(r#"{"x":[1,2]}"#));
    let half = of(r#"{"a":"x\ud800y","b":[1],"c":null,"d":"\ud83d\ude00"}"#).unwrap();
    assert_eq!(half.get("a").unwrap().replace('\u{fffd}', ""), "xy");
    assert_eq!(["b", "c", "d"].map(|n| half.get(n).unwrap().into_owned()), ["[1]", "null", "😀"]);
    for bad in ["[1]", "{", "{} x", "\"s\""] {
        assert_eq!(of(bad).unwrap_err(), Unreadable::Json, "{bad}");
    }
    let deep = "[".repeat(100_000);
    assert!(Params::of("", Some(b"application/json"), format!("{{\"a\":{deep}").as_bytes()).is_err());
}

#[test]
fn multipart_is_refused_rather_than_taken_for_empty() {
    let got = Params::of("", Some(b"multipart/form-data; boundary=b"), b"--b--");
    assert_eq!(got.unwrap_err(), Unreadable::Multipart);
}

#[test]
fn integers_are_lenient() {
    let integer = |text: &str| Params::of_query(&format!("n={text}")).integer("n").unwrap();
    assert_eq!(
        [integer("7x"), integer("-3"), integer("abc"), integer(""), integer("%2B5")],
        [7, -3, 0, 0, 5]
    );
    assert_eq!(integer("99999999999999999999"), i64::MAX);
    assert_eq!(Params::of_query("").integer("n"), None);
}

#[test]
fn a_name_is_found_however_it_is_spelled() {
    for (query, found) in [
        ("id[]=a", Some("a")),
        ("id%5B%5D=a", Some("a")),
        ("x=1&ID%5b%5d=a%20b&id%5B%5D=c", Some("a b")),
        ("id%5B%5D=a&id[]=b", Some("b")),
        ("id%5B%5D", Some("")),
        ("id=a&id%5B=b&i%64%5B%5D%", None),
    ] {
        let params = Params::of_query(query);
        assert_eq!(params.get_spelled("id[]").as_deref(), found, "{query}");
        assert_eq!(params.bytes_spelled("id[]").as_deref(), found.map(str::as_bytes), "{query}");
    }
}
