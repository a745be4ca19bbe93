use std::fmt;
use std::time::Duration;

use maftia_activity::keys::channels::ChannelId;

use super::WAIT_MS_MAX;
use crate::ApiError;
use crate::encoding::parameters;

/// How far a reader is: a channel, whatever its name means by now, and the next position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cursor {
    pub(super) channel: ChannelId,
    pub(super) position: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.channel, self.position)
    }
}

impl Cursor {
    fn parse(text: &str) -> Option<Self> {
        let (channel, position) = text.split_once('.')?;
        Some(Self {
            channel: ChannelId(channel.parse().ok()?),
            position: position.parse().ok()?,
        })
    }
}

/// Where to go on, if that is said, and how long to wait.
pub(super) fn of_query(query: &str) -> Result<(Option<Cursor>, Duration), ApiError> {
    let next = "use `?cursor=` with what the last page said, and `&wait_ms=` up to 30000";
    let wrong = || ApiError::malformed("the query is none of a channel's messages", next);
    let (mut cursor, mut wait_ms) = (None, 0);
    for (parameter, value) in parameters(query).ok_or_else(wrong)? {
        let text = std::str::from_utf8(&value).map_err(|_| wrong())?;
        match &parameter[..] {
            b"cursor" => cursor = Some(Cursor::parse(text).ok_or_else(wrong)?),
            b"wait_ms" => {
                let number = text.parse().ok().filter(|wait| *wait <= WAIT_MS_MAX);
                wait_ms = number.ok_or_else(wrong)?;
            }
            _ => return Err(wrong()),
        }
    }
    Ok((cursor, Duration::from_millis(wait_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let cursor = Cursor {
            channel: ChannelId(3),
            position: u64::MAX,
        };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for bad in [
            "",
            "3",
            "3.",
            ".1",
            "3.1.2",
            "-1.0",
            "3.18446744073709551616",
        ] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_query_says_where_and_how_long_and_nothing_else() {
        let (cursor, wait) = of_query("cursor=3.7&wait_ms=30000").unwrap();
        assert_eq!(cursor.unwrap().to_string(), "3.7");
        assert_eq!(wait, Duration::from_secs(30));
        assert_eq!(of_query("").unwrap(), (None, Duration::ZERO));
        for bad in ["wait_ms=30001", "cursor=7", "from=1", "wait_ms=", "%"] {
            assert!(of_query(bad).is_err(), "{bad}");
        }
    }
}
