use super::*;

const ALL: [Subject; 7] = [
    Subject::Binary,
    Subject::Bracha,
    Subject::Consistent,
    Subject::Multivalued,
    Subject::Optimistic,
    Subject::Validated,
    Subject::Vector,
];

fn lesson(subject: Subject, hostile: usize, seed: u64) -> Lesson {
    Lesson {
        subject,
        sites: 4,
        hostile,
        seed,
    }
}

fn results(course: &Course) -> usize {
    let gave = |happening: &&Happening| matches!(happening, Happening::Gave { .. });
    course.happenings.iter().filter(gave).count()
}

#[test]
fn without_hostile_sites_all_have_the_same_result() {
    for subject in ALL {
        for seed in 0..20 {
            let course = give(&lesson(subject, 0, seed)).unwrap();
            assert!(
                results(&course) == 4 && !course.disagrees(),
                "{subject:?} {seed}"
            );
            assert_eq!(course, give(&lesson(subject, 0, seed)).unwrap());
        }
    }
}

#[test]
fn f_hostile_sites_divide_nobody_and_f_plus_one_can() {
    for subject in ALL {
        let courses =
            |hostile| (0..100).map(move |seed| give(&lesson(subject, hostile, seed)).unwrap());
        assert!(!courses(1).any(|course| course.disagrees()), "{subject:?}");
    }
    let divided =
        |subject| (0..100).any(|seed| give(&lesson(subject, 2, seed)).unwrap().disagrees());
    assert!(divided(Subject::Bracha) && divided(Subject::Consistent) && divided(Subject::Binary));
}

#[test]
fn there_is_no_group_of_none_and_no_optimism_in_a_group_of_three() {
    let none = Lesson {
        sites: 0,
        ..lesson(Subject::Binary, 0, 1)
    };
    assert!(give(&none).is_err());
    let three = Lesson {
        sites: 3,
        ..lesson(Subject::Optimistic, 0, 1)
    };
    assert!(give(&three).is_err());
}
