//! What is a plan, and what is none.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::*;

fn parsed(text: &str) -> Result<Plan, String> {
    Plan::parse(text.as_bytes(), &Limits::default()).map_err(|refusal| refusal.to_string())
}

/// Operation and params of each job.
fn jobs<'t>(plan: &'t Plan, text: &'t str) -> Vec<(&'t str, &'t str)> {
    let params = |job: &Job| std::str::from_utf8(job.params.of(text.as_bytes())).expect("UTF-8");
    plan.jobs.iter().map(|job| (&*plan.operations[job.operation as usize], params(job))).collect()
}

#[test]
fn jobs_are_read_as_they_are_spelled() {
    let list = r#"[{"operation":"a","params":{"x": 1.0}},{"params":null,"operation":"\u0062","x":[{}]}]"#;
    for text in [list.to_owned(), format!(r#" {{"version":2,"jobs":{list},"more":{{"jobs":1}}}} "#)] {
        let plan = parsed(&text).expect("a plan");
        assert_eq!(jobs(&plan, &text), [("a", r#"{"x": 1.0}"#), ("b", "null")]);
    }
    assert_eq!(parsed("[]").map(|plan| plan.jobs.len()), Ok(0));
}

#[test]
fn operations_are_named_once() {
    let job = |operation: &str| format!(r#"{{"operation":"{operation}","params":1}}"#);
    let text = format!("[{}]", ["a", "a", "b", "a", "c", "\\u0062"].map(job).join(","));
    let plan = parsed(&text).expect("a plan");
    assert_eq!(plan.operations, ["a", "b", "c"].map(Box::from));
    assert_eq!(
        jobs(&plan, &text).iter().map(|job| job.0).collect::<Vec<_>>(),
        ["a", "a", "b", "a", "c", "b"]
    );
}

#[test]
fn what_depends_on_a_job_is_found() {
    let text = r#"[
        {"id":"a","operation":"o","params":1},
        {"id":2,"operation":"o","params":2,"dependsOn":["a"]},
        {"id":"c","operation":"o","params":3,"dependsOn":[2, "a"]},
        {"id":"d","operation":"o","params":4},
        {"operation":"o","params":5,"dependsOn":["d", "c"]}]"#;
    let plan = parsed(text).expect("a plan");
    for (id, expected) in [("a", &[0, 1, 2, 4][..]), ("2", &[1, 2, 4]), ("d", &[3, 4])] {
        assert_eq!(plan.from(text.as_bytes(), id.as_bytes()).as_deref(), Ok(expected), "{id}");
    }
    assert_eq!(plan.from(text.as_bytes(), b"x").map_err(|refusal| refusal.code), Err(Code::BadPlan));
}

#[test]
fn what_is_no_plan_is_refused_with_its_reason() {
    for (text, why) in [
        ("", "expected an array or object but the text ends at byte 0"),
        ("{", "expected a string but the text ends at byte 1"),
        ("7", "expected an array or object but found '7' at byte 0"),
        ("{}", "missing member jobs"),
        (r#"{"jobs":[],"jobs":[]}"#, "duplicate member jobs"),
        (r#"[{"operation":"o"}]"#, "missing member params"),
        (r#"[{"params":1}]"#, "missing member operation"),
        (r#"[{"operation":7,"params":1}]"#, "expected a string but found '7' at byte 14"),
        (r#"[{"operation":"o","params":1},{"operation":"a b","params":1}]"#, "job 1: operation 'a b'"),
        (
            r#"[{"operation":"o","params":1,"id":[]}]"#,
            "expected a string or an integer as id but found '[' at byte 34",
        ),
        (r#"[{"operation":"o","params":1,"id":1},{"operation":"o","params":1,"id":1}]"#, "jobs 0 and 1"),
        (r#"[{"operation":"o","params":1,"dependsOn":["x"]}]"#, "job 0"),
        (r#"[{"operation":"o","params":1,"id":"a","dependsOn":["a"]}]"#, "circle"),
        (
            r#"[{"operation":"o","params":1,"id":"a","dependsOn":["b"]},{"operation":"o","params":1,"id":"b","dependsOn":["a"]}]"#,
            "circle",
        ),
        ("[]x", "expected the end of the text but found 'x' at byte 2"),
        ("[1]", "expected an object"),
    ] {
        let refused = parsed(text).expect_err(text);
        assert!(refused.starts_with("BADPLAN ") && refused.contains(why), "{text}: {refused}");
    }
    let limits = Limits { plan_max_jobs: 1, ..Limits::default() };
    let refused = Plan::parse(br#"[{"operation":"o","params":1},{"operation":"o","params":1}]"#, &limits);
    assert_eq!(refused.map_err(|refusal| refusal.code).err(), Some(Code::TooBig));
    let deep =
        format!(r#"[{{"operation":"o","params":1,"x":{}{}}}]"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(parsed(&deep).is_ok(), "what is ignored may be of any depth");
    assert!(parsed(&deep.replace('x', "id")).is_err());
}

/// A plan as serde_json reads it: the oracle.
#[derive(Deserialize)]
struct OracleRoot<'a> {
    #[serde(borrow)]
    jobs: Vec<OracleJob<'a>>,
}

#[derive(Deserialize)]
struct OracleJob<'a> {
    operation: String,
    #[serde(borrow)]
    params: &'a RawValue,
    id: Option<OracleId>,
    #[serde(default, rename = "dependsOn")]
    depends_on: Vec<OracleId>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum OracleId {
    Number(i64),
    Text(String),
}

impl OracleJob<'_> {
    /// Whether its ids are well-formed; who they name is the graph's affair.
    fn is_free(&self) -> bool {
        self.depends_on.is_empty()
    }
}

/// Members of a job, most of them good, and what may stand around them.
fn member() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "\"operation\"",
        "\"params\"",
        "\"id\"",
        "\"dependsOn\"",
        "\"x\"",
        "\"\\u0069d\"",
        "id",
    ]);
    let value = prop::sample::select(vec![
        "\"a\"",
        "\"b\\u0063\"",
        "\"a b\"",
        "1",
        "-0",
        "1.5",
        "9223372036854775808",
        "null",
        "[]",
        "[1, \"a\"]",
        "{\"y\":[{}, \"]\"]}",
        "[1",
        "tru",
        "{\"a\":1,}",
    ]);
    (name, value, prop::sample::select(vec!["", " ", "\n"]))
        .prop_map(|(name, value, space)| format!("{space}{name}{space}:{space}{value}{space}"))
}

fn plan_text() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        r#""operation":"a","params":{"a":[1,"}"]}"#,
        r#""params":1,"operation":"b""#,
        r#""operation":"a","params":"\"","id":null"#,
        r#""operation":"a""#,
    ]);
    let job = (fixed, prop::collection::vec(member(), 0..2)).prop_map(|(fixed, more)| {
        format!("{{{fixed}{}}}", more.iter().map(|one| format!(",{one}")).collect::<String>())
    });
    let list = prop::collection::vec(job, 0..4).prop_map(|jobs| format!("[{}]", jobs.join(" ,")));
    let around = prop::sample::select(vec![
        ("", ""),
        (" ", "\n"),
        ("{\"jobs\":", "}"),
        ("{\"v\" : [2],\"jobs\" :", ", \"w\":{} } "),
        ("{\"Jobs\":", "}"),
        ("", "x"),
    ]);
    (around, list).prop_map(|((before, behind), list)| format!("{before}{list}{behind}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn plans_are_those_of_serde_json(text in plan_text()) {
        let plan = parsed(&text);
        let oracle = match text.trim_start().starts_with('[') {
            true => serde_json::from_str::<Vec<OracleJob<'_>>>(&text),
            false => serde_json::from_str::<OracleRoot<'_>>(&text).map(|root| root.jobs),
        };
        // The graph, and names of operations, have tests of their own; and of params only the end is looked for.
        match (plan, oracle) {
            (Ok(plan), Ok(oracle)) => {
                let expected: Vec<_> = oracle.iter().map(|job| (&job.operation[..], job.params.get())).collect();
                prop_assert_eq!(jobs(&plan, &text), expected);
                for (index, job) in oracle.iter().enumerate() {
                    let id = match &job.id {
                        Some(OracleId::Number(number)) => number.to_string(),
                        Some(OracleId::Text(text)) => text.clone(),
                        None => continue,
                    };
                    prop_assert!(plan.from(text.as_bytes(), id.as_bytes()).is_ok_and(|found| found.contains(&index) || id == "1"));
                }
            }
            (Ok(plan), Err(_)) => {
                let params = |job: &Job| serde_json::from_slice::<&RawValue>(job.params.of(text.as_bytes())).is_err();
                prop_assert!(plan.jobs.iter().any(params), "{}", text);
            }
            (Err(refused), Ok(oracle)) => {
                let is_named = |job: &OracleJob<'_>| crate::core::name::OperationName::parse(job.operation.as_bytes()).is_ok();
                let is_free = oracle.iter().all(|job| is_named(job) && job.is_free());
                prop_assert!(!is_free || refused.contains("same id twice"), "{}: {}", text, refused);
            }
            (Err(_), Err(_)) => {}
        }
    }
}
