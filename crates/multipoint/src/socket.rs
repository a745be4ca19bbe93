use std::io;

use socket2::SockRef;
use tokio::net::TcpStream;

/// Read from the kernel at once. The TLS library by itself asks for 4 KiB at a time.
pub(crate) const READ_AHEAD_BYTES: usize = 32 * 1024;

/// Bytes that wait in the kernel before they are first sent. More would only make control wait
/// behind bulk where we cannot reorder them any more.
const UNSENT_BYTES_MAX: u32 = 128 * 1024;

/// No waiting for full segments (we batch ourselves), and a short queue in the kernel.
pub(crate) fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    SockRef::from(socket).set_tcp_notsent_lowat(UNSENT_BYTES_MAX)
}
