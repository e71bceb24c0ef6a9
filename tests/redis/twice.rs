//! A Redis server that gets each script twice, as from the client of a cluster that has lost a connection
//! before the reply.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::server::Server;

/// Stands before a server. Its clients get the second reply.
pub(crate) struct Twice {
    port: u16,
}

impl Twice {
    pub(crate) fn before(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, server) = (listener.local_addr().unwrap().port(), server.port);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) =
                    (client.unwrap(), TcpStream::connect(("127.0.0.1", server)).unwrap());
                // Either side may close the connection.
                std::thread::spawn(move || drop(pass(client, server)));
            }
        });
        Self { port }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

fn pass(mut client: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
    let mut commands = BufReader::new(client.try_clone()?);
    let mut replies = BufReader::new(server.try_clone()?);
    loop {
        let command = message(&mut commands)?;
        let is_script = command.windows(6).take(20).any(|word| word == b"\r\nEVAL");
        let mut reply = Vec::new();
        for _ in 0..1 + usize::from(is_script) {
            server.write_all(&command)?;
            reply = message(&mut replies)?;
        }
        client.write_all(&reply)?;
    }
}

/// The bytes of one command or reply.
fn message(from: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if from.read_until(b'\n', &mut bytes)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    // -1 for none, a text instead of a number for the other kinds.
    let Ok(count) = std::str::from_utf8(&bytes[1..]).unwrap().trim_end().parse::<u64>() else {
        return Ok(bytes);
    };
    let parts = match bytes[0] {
        b'*' => count,
        b'%' => 2 * count,
        _ => 0,
    };
    for _ in 0..parts {
        bytes.extend(message(from)?);
    }
    if bytes[0] == b'$' {
        from.take(count + 2).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
