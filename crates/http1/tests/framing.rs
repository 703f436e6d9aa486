//! Every framing and smuggling case with the exact answer, however its bytes are cut, and the page
//! that shows them.
//!
//! `HALO_WRITE_DOCS=1 cargo test -p halo-http1 --test framing` writes `docs/http1-framing.md` anew.

#[path = "framing/chunks.rs"]
mod chunks;
#[path = "framing/drive.rs"]
mod drive;
#[path = "framing/page.rs"]
mod page;
#[path = "framing/properties.rs"]
mod properties;
#[path = "framing/requests.rs"]
mod requests;
#[path = "framing/responses.rs"]
mod responses;

pub(crate) use halo_http1::Asked;

/// What it is, the bytes, and the answer.
pub(crate) type Case = (&'static str, &'static str, &'static str);

pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) cases: &'static [Case],
}

pub(crate) struct ResponseGroup {
    pub(crate) title: &'static str,
    pub(crate) asked: Asked,
    pub(crate) cases: &'static [Case],
}

/// Checks a case whole, cut in two at each place, and byte by byte; says what is wrong.
fn check(title: &str, case: &Case, answer: impl Fn(&[&[u8]]) -> String) -> Option<String> {
    let (name, input, want) = *case;
    let input = input.as_bytes();
    let wrong = |pieces: &[&[u8]], how: &str| {
        let got = answer(pieces);
        (got != want).then(|| format!("{title}: {name}, {how}: {got:?} for {want:?}"))
    };
    let cut = |at: usize| wrong(&[&input[..at], &input[at..]], &format!("cut at {at}"));
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    wrong(&[input], "whole")
        .or_else(|| (0..=input.len()).find_map(cut))
        .or_else(|| wrong(&bytes, "byte by byte"))
}

#[test]
fn every_request_gets_its_answer_however_its_bytes_are_cut() {
    let groups = requests::GROUPS.iter().chain(chunks::GROUPS);
    let wrong: Vec<_> = groups
        .flat_map(|group| group.cases.iter().map(|case| (group.title, case)))
        .filter_map(|(title, case)| check(title, case, drive::requests))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_response_gets_its_answer_however_its_bytes_are_cut() {
    let wrong: Vec<_> = responses::GROUPS
        .iter()
        .flat_map(|group| group.cases.iter().map(move |case| (group, case)))
        .filter_map(|(group, case)| {
            check(group.title, case, |pieces| {
                drive::responses(pieces, group.asked)
            })
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn names_of_cases_are_unique_within_their_group() {
    let requests = requests::GROUPS
        .iter()
        .chain(chunks::GROUPS)
        .map(|group| (group.title, group.cases));
    let responses = responses::GROUPS
        .iter()
        .map(|group| (group.title, group.cases));
    let mut total = 0;
    for (title, cases) in requests.chain(responses) {
        let mut names: Vec<_> = cases.iter().map(|case| case.0).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), cases.len(), "{title}");
        total += cases.len();
    }
    assert!(total >= 120, "{total} cases");
}

#[test]
fn the_page_of_cases_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/http1-framing.md");
    let page = page::render();
    if std::env::var_os("HALO_WRITE_DOCS").is_some() {
        std::fs::write(path, &page).expect("the page can be written");
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == page,
        "docs/http1-framing.md is out of date: run with HALO_WRITE_DOCS=1"
    );
}
