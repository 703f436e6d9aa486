//! Bytes moved between sockets without passing through this process (splice(2)).

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};
use nix::unistd::pipe2;

/// A pipe that carries pages of one socket to another.
#[derive(Debug)]
pub struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    capacity: usize,
    held: usize,
}

impl Pipe {
    /// Opens a pipe for about `capacity` bytes; less where the system allows a user no more pages
    /// (`fs.pipe-user-pages-soft`).
    ///
    /// # Errors
    /// When no descriptor is left.
    pub fn open(capacity: usize) -> io::Result<Self> {
        let (read, write) = pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)?;
        let wanted = i32::try_from(capacity).unwrap_or(i32::MAX);
        let got = fcntl(&write, FcntlArg::F_SETPIPE_SZ(wanted))
            .or_else(|_| fcntl(&write, FcntlArg::F_GETPIPE_SZ))?;
        Ok(Self {
            read,
            write,
            capacity: usize::try_from(got).unwrap_or(0),
            held: 0,
        })
    }

    /// Bytes that are in it.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held
    }

    /// Takes what a socket has, as far as there is room. 0: the socket's stream has ended.
    ///
    /// Call it on an empty pipe only: a full one is told apart from a socket that has nothing by
    /// nothing but that.
    ///
    /// # Errors
    /// `WouldBlock` when the socket has nothing; otherwise the socket's own.
    pub fn fill(&mut self, from: impl AsFd) -> io::Result<usize> {
        self.fill_up_to(from, usize::MAX)
    }

    /// As [`Pipe::fill`], but takes at most `most` bytes: those behind are not this stream's.
    ///
    /// # Errors
    /// As [`Pipe::fill`].
    pub fn fill_up_to(&mut self, from: impl AsFd, most: usize) -> io::Result<usize> {
        let taken = move_bytes(from, &self.write, self.capacity.min(most))?;
        self.held += taken;
        Ok(taken)
    }

    /// Gives what is in it to a socket, as far as that takes it.
    ///
    /// # Errors
    /// `WouldBlock` when the socket takes nothing; otherwise the socket's own.
    pub fn drain(&mut self, to: impl AsFd) -> io::Result<usize> {
        let given = move_bytes(&self.read, to, self.held)?;
        self.held -= given;
        Ok(given)
    }
}

fn move_bytes(from: impl AsFd, to: impl AsFd, most: usize) -> io::Result<usize> {
    let flags = SpliceFFlags::SPLICE_F_MOVE | SpliceFFlags::SPLICE_F_NONBLOCK;
    loop {
        match splice(&from, None, &to, None, most, flags) {
            Err(Errno::EINTR) => {}
            outcome => return outcome.map_err(io::Error::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let far = listener.accept().unwrap().0;
        (near, far)
    }

    #[test]
    fn bytes_go_through_a_pipe_as_they_came() {
        let (mut client, inside) = pair();
        let (outside, mut server) = pair();
        let mut pipe = Pipe::open(1 << 16).unwrap();
        client.write_all(b"hello").unwrap();
        assert_eq!(pipe.fill(&inside).unwrap(), 5);
        assert_eq!(pipe.held(), 5);
        assert_eq!(pipe.drain(&outside).unwrap(), 5);
        assert_eq!(pipe.held(), 0);
        let mut got = [0; 5];
        server.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"hello");
    }

    #[test]
    fn a_socket_without_bytes_would_block_and_an_ended_one_gives_nothing() {
        let (client, inside) = pair();
        inside.set_nonblocking(true).unwrap();
        let mut pipe = Pipe::open(1 << 16).unwrap();
        assert_eq!(
            pipe.fill(&inside).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        drop(client);
        inside.set_nonblocking(false).unwrap();
        assert_eq!(pipe.fill(&inside).unwrap(), 0);
    }
}
