//! The known word nearest to a misspelt one.

/// The word of `known` nearest to `word`, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= 1 + candidate.len().max(word.len()) / 4
                || candidate.contains(word) && word.len() > 2
                || word.contains(candidate) && candidate.len() > 2
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The words of a list, for a message: `a, b, c`.
pub(crate) fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().collect::<Vec<_>>().join(", ")
}

/// `; did you mean "app"?`, or the names there are, for a name that nothing has.
pub(crate) fn remedy_for_name<'a>(
    name: &str,
    what: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    if let Some(near) = nearest(name, known.clone()) {
        return format!("did you mean {near:?}?");
    }
    match list(known) {
        names if names.is_empty() => format!("add a [[{what}]] of that name"),
        names => format!("add a [[{what}]] of that name, or use one of: {names}"),
    }
}

/// Levenshtein distance, counted in characters; transpositions count once (optimal alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let substitute = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substitute.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits_and_a_transposition_once() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("weight", "weight"), 0);
        assert_eq!(distance("wieght", "weight"), 1);
        assert_eq!(distance("adress", "address"), 1);
    }

    #[test]
    fn a_far_word_has_no_suggestion() {
        assert_eq!(
            nearest("intervall", ["interval", "timeout"]),
            Some("interval")
        );
        assert_eq!(nearest("colour", ["interval", "timeout"]), None);
    }
}
