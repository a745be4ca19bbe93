use std::fmt;

use maftia_crypto::Hasher;
use maftia_protocol::{Event, Step, Target};
use maftia_types::{Digest, Epoch, Resilience, ResilienceError, SiteId, Time};

use super::{Course, Happening, Lesson, ORDER};
use crate::Context;
use crate::host::Service;

/// A copy of a site; hostile ones have two.
struct Twin<P> {
    site: SiteId,
    face: u8,
    service: P,
    /// The longest chain of messages that it has heard the end of.
    steps: usize,
}

struct Flying<M> {
    from: SiteId,
    /// Which copy.
    to: usize,
    steps: usize,
    message: M,
}

struct Room<'a, P: Service> {
    lesson: &'a Lesson,
    copies: Vec<Twin<P>>,
    flying: Vec<Flying<P::Message>>,
    course: Course,
}

/// Runs a service until no message is under way.
pub(super) fn run<P>(
    lesson: &Lesson,
    resilience: Resilience,
    make: impl Fn(Context) -> Result<P, ResilienceError>,
    input: impl Fn(SiteId, u8) -> Option<P::Command>,
) -> Result<Course, ResilienceError>
where
    P: Service<Message: Clone + fmt::Debug, Output: fmt::Debug>,
{
    let mut room = Room {
        lesson,
        copies: Vec::new(),
        flying: Vec::new(),
        course: Course::default(),
    };
    for site in SiteId::all(lesson.sites) {
        for face in 0..=u8::from(room.is_hostile(site)) {
            let context = Context::new(Digest::ZERO, Epoch(0), resilience, site);
            let service = make(context.expect("every site is one of an arbitrary group"))?;
            room.copies.push(Twin {
                site,
                face,
                service,
                steps: 0,
            });
        }
    }
    for index in 0..room.copies.len() {
        let Some(copy) = room.copies.get_mut(index) else {
            continue;
        };
        if let Some(command) = input(copy.site, copy.face)
            && let Ok(step) = copy.service.command(Time::ZERO, command)
        {
            room.perform(index, step);
        }
    }
    let mut hasher = Hasher::new(ORDER);
    let mut numbers = hasher.number(lesson.seed).numbers();
    while let Some(number) = numbers.next().filter(|_| !room.flying.is_empty()) {
        let count = u64::try_from(room.flying.len()).unwrap_or(u64::MAX);
        let next = usize::try_from(number % count).unwrap_or(0);
        let message = room.flying.swap_remove(next);
        room.arrive(message);
    }
    Ok(room.course)
}

impl<P> Room<'_, P>
where
    P: Service<Message: Clone + fmt::Debug, Output: fmt::Debug>,
{
    const fn is_hostile(&self, site: SiteId) -> bool {
        site.index() < self.lesson.hostile
    }

    /// Every correct site hears one copy of a hostile one, each copy itself and those of its face.
    fn hears(&self, to: &Twin<P>, from: SiteId, face: u8) -> bool {
        if self.is_hostile(to.site) {
            return !self.is_hostile(from) || face == to.face;
        }
        !self.is_hostile(from) || to.site.as_u8() % 2 == face
    }

    fn perform(&mut self, index: usize, step: Step<P>) {
        let Some(copy) = self.copies.get(index) else {
            return;
        };
        let (site, face, steps) = (copy.site, copy.face, copy.steps);
        if !self.is_hostile(site) {
            for fault in step.faults {
                let text = format!("{}: {:?}", fault.culprit, fault.misbehaviour);
                self.course
                    .happenings
                    .push(Happening::Blamed { site, text });
            }
            for output in step.outputs {
                let text = format!("{output:?}");
                self.course
                    .happenings
                    .push(Happening::Gave { site, steps, text });
            }
        }
        for out in step.messages {
            let meant = |to: &Twin<P>| match out.target {
                Target::All => true,
                Target::Others => to.site != site,
                Target::One(one) => to.site == one,
            };
            let to = self.copies.iter().enumerate();
            let to = to.filter(|(_, to)| meant(to) && self.hears(to, site, face));
            let flying = to.map(|(to, _)| Flying {
                from: site,
                to,
                steps: steps + 1,
                message: out.message.clone(),
            });
            let flying: Vec<_> = flying.collect();
            self.flying.extend(flying);
        }
    }

    fn arrive(&mut self, flying: Flying<P::Message>) {
        let Flying {
            from,
            to,
            steps,
            message,
        } = flying;
        let hostile = self.lesson.hostile;
        let Some(copy) = self.copies.get_mut(to) else {
            return;
        };
        if copy.site.index() >= hostile && copy.site != from {
            self.course.messages += 1;
            let text = format!("{message:?}");
            let to = copy.site;
            self.course
                .happenings
                .push(Happening::Heard { from, to, text });
        }
        // What a site says to itself takes no time.
        copy.steps = copy.steps.max(steps - usize::from(from == copy.site));
        let step = copy
            .service
            .handle(Time::ZERO, Event::Message { from, message });
        self.perform(to, step);
    }
}
