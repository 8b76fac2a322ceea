//! The parts of the benchmark that need neither a server nor a clock. A benchmark is a program without tests of its own, so
//! they are compiled here as well.

// What is tested is less than what there is.
#[allow(dead_code)]
#[path = "../benches/compare/jobs.rs"]
mod jobs;
#[path = "../benches/compare/page.rs"]
mod page;
#[allow(dead_code)]
#[path = "../benches/compare/report.rs"]
mod report;
#[path = "../benches/compare/spread.rs"]
mod spread;

use std::fs;
use std::path::Path;

use jobs::{Job, RESULT_BYTES, shuffled};
use page::with_table;
use redis_result_cache::core::fingerprint::Fingerprinter;
use report::{Bar, Table};
use spread::{Spread, figure, ratio, rounded};

#[test]
fn params_have_the_length_that_is_asked_for_and_are_not_canonical() {
    for bytes in [150, 600, 8 * 1024, 256 * 1024] {
        let job = Job::new(7, bytes);
        assert_eq!(job.params.len(), bytes);
        assert_ne!(serde_json_canonicalizer::pipe(&job.params).expect("it is JSON"), job.params);
    }
}

#[test]
fn sorted_params_are_what_the_module_makes_of_them() {
    for bytes in [150, 600, 8 * 1024] {
        let job = Job::new(7, bytes);
        let canonical = Fingerprinter::new().canonical(job.params.as_bytes()).expect("it is JSON");
        assert_eq!(serde_json_canonicalizer::pipe(&job.params).expect("it is JSON").as_bytes(), canonical);
    }
}

#[test]
fn results_have_one_length() {
    assert!((0..2000).all(|number| Job::new(number, 150).result.len() == RESULT_BYTES));
}

#[test]
fn shuffled_jobs_are_the_same_in_another_order() {
    let jobs = |count| (0..count).map(|number| Job::new(number, 150)).collect::<Vec<_>>();
    let mut shuffled: Vec<String> = shuffled(jobs(500)).into_iter().map(|job| job.params).collect();
    let mut ordered: Vec<String> = jobs(500).into_iter().map(|job| job.params).collect();
    let in_place = shuffled.iter().zip(&ordered).filter(|(one, other)| one == other).count();
    assert!(in_place < 20, "{in_place} of 500 are where they were");
    shuffled.sort_unstable();
    ordered.sort_unstable();
    assert_eq!(shuffled, ordered);
}

#[test]
fn the_median_is_the_middle_one_or_between_the_middle_two() {
    assert_eq!(Spread::of(vec![3.0, 1.0, 8.0]), Spread { median: 3.0, min: 1.0, max: 8.0 });
    assert_eq!(Spread::of(vec![8.0, 1.0, 3.0, 4.0]), Spread { median: 3.5, min: 1.0, max: 8.0 });
    assert_eq!(Spread::of(vec![2.0]), Spread { median: 2.0, min: 2.0, max: 2.0 });
}

#[test]
fn figures_have_three_digits_or_so() {
    assert_eq!([0.466, 9.99, 20.06, 99.99, 437.2].map(rounded), ["0.47", "9.99", "20.1", "100", "437"]);
    assert_eq!(figure(Spread { median: -1.126, min: -120.4, max: 0.0 }), "-1.13 (-120..0.00)");
}

#[test]
fn small_ratios_are_written_as_their_inverse() {
    assert_eq!(ratio(Spread { median: 0.0345, min: 1.0 / 772.0, max: 0.1 }), "1/29 (1/772..0.10)");
    assert_eq!(ratio(Spread { median: 0.0, min: 0.0, max: 0.0 }), "0.00 (0.00..0.00)");
}

const RATIO: Spread = Spread { median: 0.5, min: 0.4, max: 0.6 };

#[test]
fn a_table_is_padded_markdown() {
    let mut table = Table::new("any", &["", "µs"]);
    table.row(vec!["GET".to_owned(), "0.47 (0.4..0.5)".to_owned()]);
    table.row(vec!["longer".to_owned()]);
    let lines = [
        "|        | µs              |",
        "| ------ | --------------- |",
        "| GET    | 0.47 (0.4..0.5) |",
        "| longer |                 |",
    ];
    assert_eq!(table.markdown(), lines.map(|line| format!("{line}\n")).concat());
}

#[test]
fn a_bar_says_which_of_its_figures_are_enough() {
    let bar = || Bar::new("a hit", "at least 0.5").at_least(0.5, RATIO, "by ops");
    assert_eq!(bar().row()[3], "reached");
    assert_eq!(bar().at_least(0.5, RATIO, "by CPU").row()[3], "reached");
    assert_eq!(bar().at_least(0.51, RATIO, "by CPU").row()[3], "**only by ops**");
    assert_eq!(Bar::new("a hit", "1").at_least(0.51, RATIO, "by ops").row()[3], "**not reached**");
}

#[test]
fn a_bar_shows_medians_and_spread() {
    let bar = Bar::new("a hit", "").at_least(0.5, RATIO, "by ops").found("7 ms".to_owned(), false);
    assert_eq!(bar.row()[2], "0.50 (0.40..0.60) by ops, 7 ms");
}

const PAGE: &str = "Before.\n\n<!-- table: hits -->\n\n| old |\n\n<!-- end -->\n\nAfter.\n\
    <!-- table: more -->\n<!-- end -->\n";

#[test]
fn a_table_takes_the_place_of_the_one_before() {
    let page = with_table(PAGE, "hits", "| new |\n").expect("it has a place");
    assert_eq!(page, PAGE.replace("old", "new"));
    assert_eq!(with_table(&page, "hits", "| new |\n"), Some(page));
}

#[test]
fn the_others_are_left_as_they_are() {
    let page = with_table(PAGE, "more", "| more |\n").expect("it has a place");
    assert!(page.starts_with(PAGE.split("<!-- table: more").next().expect("that is there")), "{page}");
    assert!(page.ends_with("<!-- table: more -->\n\n| more |\n\n<!-- end -->\n"), "{page}");
}

#[test]
fn a_table_without_a_place_is_noticed() {
    assert_eq!(with_table(PAGE, "absent", ""), None);
    assert_eq!(with_table("<!-- table: open -->\n", "open", ""), None);
}

#[test]
fn every_place_of_the_page_is_some_tables() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/benchmarks.md")).expect("the page can be read");
    let sources = fs::read_dir(root.join("benches/compare")).expect("the benchmark is there");
    let files = sources.map(|entry| entry.expect("it is there").path());
    let parts = ["flight/mod.rs", "wake/mod.rs"].map(|part| root.join("benches/compare").join(part));
    let sources: String = files.chain(parts).filter_map(|file| fs::read_to_string(file).ok()).collect();

    let begins = page.lines().filter_map(|line| line.strip_prefix("<!-- table: "));
    let names: Vec<&str> = begins.filter_map(|line| line.strip_suffix(" -->")).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(sources.contains(&format!("\"{name}\"")), "no part has a table {name}");
        let again = with_table(&page, name, "").expect("its place is closed");
        assert!(again.len() < page.len(), "the place of {name} is empty");
    }
}
