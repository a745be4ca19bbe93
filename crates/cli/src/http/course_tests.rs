use ureq::http;

use super::*;

const LONG: Duration = Duration::from_secs(10);

fn status(status: u16, id: Option<&str>) -> Reply {
    says(status, id, "MAF-1")
}

fn says(status: u16, id: Option<&str>, error: &str) -> Reply {
    let mut headers = http::HeaderMap::new();
    if let Some(id) = id {
        headers.insert("maftia-request-id", id.parse().unwrap());
    }
    let body = format!(r#"{{"error":{{"id":"{error}","message":"because","next":"do"}}}}"#).into();
    Reply::Answer(Answer {
        status,
        headers,
        body,
    })
}

fn refused(next: Next) -> Problem {
    match next {
        Next::Return(Err(problem)) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_write_of_unknown_outcome_is_repeated_only_under_its_id() {
    let mut course = Course::new(Effect::WritesOnce, None);
    let next = course.judge(status(504, Some("7-1")), LONG);
    assert!(matches!(next, Next::Again { .. }), "{next:?}");
    assert_eq!(course.request_id(), Some("7-1"));
    let next = course.judge(Reply::NotReached("gone".into()), LONG);
    assert!(matches!(next, Next::Again { .. }), "{next:?}");
    let problem = refused(course.judge(status(504, None), Duration::ZERO));
    assert_eq!(problem.exit, Exit::Unknown);
    assert_eq!(problem.request_id.as_deref(), Some("7-1"));

    let mut course = Course::new(Effect::WritesOnce, None);
    let problem = refused(course.judge(Reply::Lost("reset".into()), LONG));
    assert_eq!(problem.exit, Exit::Unknown);
    assert_eq!(problem.request_id, None);
}

#[test]
fn a_rejection_is_repeated_a_few_times_and_then_final() {
    for code in [429, 503] {
        let mut course = Course::new(Effect::WritesOnce, None);
        for _ in 1..REJECTIONS_MAX {
            let next = course.judge(status(code, None), LONG);
            assert!(matches!(next, Next::Again { .. }), "{next:?}");
        }
        let problem = refused(course.judge(status(code, None), LONG));
        assert_eq!(problem.exit, Exit::Failed);
        assert_eq!(problem.to_string(), "because");
    }
}

#[test]
fn a_rejection_after_an_open_attempt_leaves_the_outcome_open() {
    let mut course = Course::new(Effect::WritesOnce, None);
    let next = course.judge(status(504, Some("7-1")), LONG);
    assert!(matches!(next, Next::Again { .. }), "{next:?}");
    let problem = refused(course.judge(status(503, None), Duration::ZERO));
    assert_eq!(problem.exit, Exit::Unknown);
    assert_eq!(problem.request_id.as_deref(), Some("7-1"));
}

#[test]
fn an_agent_that_was_never_reached_fails_at_once() {
    for effect in [Effect::Reads, Effect::WritesAlike, Effect::WritesOnce] {
        let mut course = Course::new(effect, None);
        let problem = refused(course.judge(Reply::NotReached("refused".into()), LONG));
        assert_eq!(problem.exit, Exit::Failed);
    }
}

#[test]
fn reads_never_have_an_unknown_outcome() {
    let mut course = Course::new(Effect::Reads, None);
    let next = course.judge(Reply::Lost("reset".into()), LONG);
    assert!(matches!(next, Next::Again { .. }), "{next:?}");
    for reply in [
        status(504, Some("7-1")),
        Reply::Lost("reset".into()),
        status(500, None),
        status(503, None),
    ] {
        assert_eq!(
            refused(course.judge(reply, Duration::ZERO)).exit,
            Exit::Failed
        );
    }
}

#[test]
fn definite_refusals_are_not_repeated() {
    for code in [400, 401, 404, 409, 413] {
        let mut course = Course::new(Effect::WritesOnce, None);
        let problem = refused(course.judge(status(code, None), LONG));
        assert_eq!((problem.exit, problem.status), (Exit::Failed, Some(code)));
    }
}

#[test]
fn pauses_grow_and_stay_bounded() {
    let mut course = Course::new(Effect::Reads, None);
    course.attempts = 1;
    assert!(course.pause() <= PAUSE_FIRST);
    course.attempts = u32::MAX;
    assert!(course.pause() <= PAUSE_MAX && course.pause() >= PAUSE_MAX / 2);
}

#[test]
fn a_full_store_is_not_asked_again() {
    let mut course = Course::new(Effect::WritesOnce, None);
    let problem = refused(course.judge(says(429, None, "no-space"), LONG));
    assert_eq!(problem.exit, Exit::Failed);
}

#[test]
fn an_id_that_the_agent_forgot_leaves_the_outcome_open() {
    let mut course = Course::new(Effect::WritesOnce, Some("7-1".into()));
    let problem = refused(course.judge(says(400, None, "id-unknown"), LONG));
    assert_eq!(problem.exit, Exit::Unknown);
    assert_eq!(problem.request_id, None);
}

#[test]
fn an_answer_that_is_gone_is_not_asked_for_again() {
    let mut course = Course::new(Effect::WritesOnce, Some("7-1".into()));
    let problem = refused(course.judge(status(410, Some("7-1")), LONG));
    assert_eq!(problem.exit, Exit::Unknown);
    assert_eq!(problem.request_id, None, "asking again brings nothing");
    let mut course = Course::new(Effect::Reads, None);
    let problem = refused(course.judge(status(410, None), LONG));
    assert_eq!(problem.exit, Exit::Failed);
}
