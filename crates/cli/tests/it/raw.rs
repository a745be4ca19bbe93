//! HTTP by hand, so that it can be wrong.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Sends bytes and returns the status of the answer; `None` if the link was closed without one.
pub(crate) fn status_of(address: SocketAddr, request: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    // The other side may answer and close before it has read everything.
    let _ = stream.write_all(request);
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    head.split(' ').nth(1)?.parse().ok()
}

/// A request with this `Host`.
pub(crate) fn request(method: &str, path: &str, host: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// The body of a successful answer to a GET.
pub(crate) fn body_of(address: SocketAddr, path: &str) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(address).ok()?;
    let timeout = Some(Duration::from_secs(10));
    stream.set_read_timeout(timeout).ok()?;
    let request = request("GET", path, &address.to_string(), b"");
    stream.write_all(&request).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let at = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let ok = answer.starts_with(b"HTTP/1.1 200");
    ok.then(|| answer.split_off(at + 4))
}
