//! `maftia agree`: a broadcast or an agreement among sites that exist in this process only, told
//! message by message. For learning; nothing is kept and no group is touched.

use clap::{Args, ValueEnum};
use maftia_agreement::classroom::{Course, Happening, Lesson, Subject, give};
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use crate::output;

#[derive(Debug, Args)]
#[command(
    after_help = "A hostile site runs two copies of the protocol with different inputs, and each of \
                  the others hears one of them. With more than a third hostile, some seed divides \
                  the correct sites: the exit code is then 1.\n\nExamples:\n  maftia agree binary\n  \
                  maftia agree bracha --hostile 1 --seed 3\n  maftia agree bracha --hostile 2 --seed 5"
)]
pub(crate) struct Agree {
    /// What to run
    what: What,
    /// Number of sites; 3f+1 tolerate f hostile ones
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=31))]
    sites: u8,
    /// How many of them are hostile: the first ones, A, B, ...
    #[arg(long, default_value_t = 0)]
    hostile: u8,
    /// Decides the order in which messages arrive
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Leave out who said what
    #[arg(long)]
    quiet: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// Binary agreement; inputs differ
    Binary,
    /// Reliable broadcast by site A
    Bracha,
    /// Consistent broadcast by site A
    Consistent,
    /// Multi-valued agreement; all propose the same
    Multivalued,
    /// Reliable broadcast by site A in two steps if almost all are correct
    Optimistic,
    /// Agreement on one valid proposal
    Validated,
    /// Agreement on a vector of proposals
    Vector,
}

pub(crate) fn run(typed: &Agree) -> Result<(), Failure> {
    let lesson = Lesson {
        subject: match typed.what {
            What::Binary => Subject::Binary,
            What::Bracha => Subject::Bracha,
            What::Consistent => Subject::Consistent,
            What::Multivalued => Subject::Multivalued,
            What::Optimistic => Subject::Optimistic,
            What::Validated => Subject::Validated,
            What::Vector => Subject::Vector,
        },
        sites: usize::from(typed.sites),
        hostile: usize::from(typed.hostile),
        seed: typed.seed,
    };
    if typed.hostile > typed.sites {
        let what = format!("{} hostile sites of {}", typed.hostile, typed.sites);
        return Err(Failure::new(Exit::Usage, what).next("give at most as many as there are sites"));
    }
    let course = give(&lesson).map_err(|error| Failure::chain(Exit::Usage, &error))?;
    if typed.json {
        output::json(&object(&course))?;
    } else {
        tell(&course, typed.quiet);
    }
    if course.disagrees() {
        let what = "correct sites have different results";
        return Err(Failure::failed(what).next("use fewer hostile sites, or more sites"));
    }
    Ok(())
}

fn tell(course: &Course, quiet: bool) {
    for happening in &course.happenings {
        match happening {
            Happening::Blamed { site, text } => output::line(format!("{site} blames {text}")),
            Happening::Gave { site, steps, text } => {
                output::line(format!("{site} has {text} after {steps} steps"));
            }
            Happening::Heard { from, to, text } if !quiet => {
                output::line(format!("{from} -> {to}  {text}"));
            }
            Happening::Heard { .. } => {}
        }
    }
    output::line(format!("{} messages to correct sites", course.messages));
}

fn object(course: &Course) -> Value {
    let happenings = course.happenings.iter().map(|happening| match happening {
        Happening::Blamed { site, text } => {
            json!({"what": "blamed", "site": site.to_string(), "text": text})
        }
        Happening::Gave { site, steps, text } => {
            json!({"what": "gave", "site": site.to_string(), "steps": steps, "text": text})
        }
        Happening::Heard { from, to, text } => json!({
            "what": "heard", "from": from.to_string(), "to": to.to_string(), "text": text,
        }),
    });
    json!({
        "agrees": !course.disagrees(),
        "messages": course.messages,
        "happenings": happenings.collect::<Vec<_>>(),
    })
}
