//! A proxy on loopback that does to requests what networks and servers do to them: refuse, break off, stay silent, lose the
//! reply to what has been done.
//!
//! Bytes are handed on as they are, the `Host` included, so signatures hold. Whether a request meets a fault depends on the
//! seed, the request, and how often it has been made, not on the order of requests: a run meets the same faults again.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::month::mixed;

/// How long a client waits that is told to: longer than any client of the tests does.
const SILENCE: Duration = Duration::from_secs(30);
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// What can go wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mishap {
    /// The server answers 503 and does nothing.
    SlowDown,
    /// The server answers 500 and does nothing.
    InternalError,
    /// No answer comes; of every two such requests one is done all the same.
    Silence,
    /// The reply breaks off in the middle; of a put, the request.
    Cut,
    /// The connection is reset before the request arrives.
    Reset,
    /// The request is done, and the connection ends before the reply: closed or reset.
    LostReply,
}

const MISHAPS: [Mishap; 6] =
    [Mishap::SlowDown, Mishap::InternalError, Mishap::Silence, Mishap::Cut, Mishap::Reset, Mishap::LostReply];

/// What has come by, and what became of it: `None` is a request that met nothing.
pub(crate) type Met = BTreeMap<Option<Mishap>, u64>;

/// The running proxy.
pub(crate) struct Proxy {
    address: SocketAddr,
    desk: Arc<Desk>,
}

struct Desk {
    server: String,
    seed: u64,
    percent: u64,
    closed: AtomicBool,
    /// Request to how often it was made.
    made: Mutex<BTreeMap<String, u64>>,
    met: Mutex<Met>,
}

impl Proxy {
    /// Starts a proxy before the server at `endpoint`, at which so many of a hundred requests meet a mishap.
    pub(crate) fn before(endpoint: &str, seed: u64, percent: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = endpoint.strip_prefix("http://").unwrap().to_owned();
        let closed = AtomicBool::new(false);
        let desk = Arc::new(Desk { server, seed, percent, closed, made: Mutex::default(), met: Mutex::default() });
        let all = Arc::clone(&desk);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if all.closed.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(client), desk) = (client, Arc::clone(&all)) else { continue };
                // A connection that breaks is what this is about.
                std::thread::spawn(move || drop(desk.serve(&client)));
            }
        });
        Self { address, desk }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn met(&self) -> Met {
        self.desk.met.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.desk.closed.store(true, Ordering::SeqCst);
        // Wakes whoever listens.
        drop(TcpStream::connect(self.address));
    }
}

impl Desk {
    /// Answers the requests of a connection until one end closes it.
    fn serve(&self, mut client: &TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        while let Some(request) = Request::take(client)? {
            let (mishap, roll) = self.mishap(&request);
            *self.met.lock().unwrap().entry(mishap).or_default() += 1;
            let odd = roll % 2 == 1;
            match mishap {
                None => {
                    let reply = self.ask(&request)?;
                    request.taken(client)?;
                    client.write_all(&reply)?;
                }
                Some(Mishap::SlowDown | Mishap::InternalError) => {
                    request.taken(client)?;
                    client.write_all(refusal(mishap == Some(Mishap::SlowDown)).as_bytes())?;
                }
                Some(Mishap::Silence) => {
                    request.taken(client)?;
                    if odd {
                        self.ask(&request)?;
                    }
                    client.set_read_timeout(Some(SILENCE))?;
                    // Ends when the client has given up.
                    let _ = client.read(&mut [0])?;
                    return Ok(());
                }
                Some(Mishap::Cut) if request.method() == "PUT" => {
                    let mut server = TcpStream::connect(&self.server)?;
                    server.write_all(&request.bytes[..(request.head + request.bytes.len()) / 2])?;
                    server.shutdown(Shutdown::Write)?;
                    let _ = server.read(&mut [0])?;
                    return request.taken(client);
                }
                Some(Mishap::Cut) => {
                    let reply = self.ask(&request)?;
                    request.taken(client)?;
                    let head = find(&reply, END_OF_HEAD).map_or(0, |at| at + END_OF_HEAD.len());
                    let middle = if head == reply.len() { head / 2 } else { (head + reply.len()) / 2 };
                    return client.write_all(&reply[..middle]);
                }
                Some(Mishap::Reset) => return Ok(()),
                Some(Mishap::LostReply) => {
                    self.ask(&request)?;
                    return if odd { request.taken(client) } else { Ok(()) };
                }
            }
        }
        Ok(())
    }

    fn mishap(&self, request: &Request) -> (Option<Mishap>, u64) {
        let line = request.line();
        let mut made = self.made.lock().unwrap();
        let times = made.entry(line.clone()).or_default();
        *times += 1;
        let roll = mixed(self.seed, format!("{line} {times}"));
        let met = (roll % 100 < self.percent).then(|| MISHAPS[usize::try_from(roll / 100 % 6).unwrap()]);
        (met, roll / 1000)
    }

    /// The server's reply to the request, in full.
    fn ask(&self, request: &Request) -> io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(&self.server)?;
        server.set_nodelay(true)?;
        server.write_all(&request.bytes)?;
        let mut server = BufReader::new(server);
        let mut reply = Vec::new();
        while !reply.ends_with(END_OF_HEAD) {
            line(&mut server, &mut reply)?;
        }
        let head = String::from_utf8_lossy(&reply).to_lowercase();
        let bare = request.method() == "HEAD" || head.starts_with("http/1.1 204") || head.starts_with("http/1.1 304");
        if bare {
            return Ok(reply);
        }
        if header(&head, "transfer-encoding").is_some() {
            loop {
                let size = line(&mut server, &mut reply)?;
                let size = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
                io::copy(&mut server.by_ref().take(size), &mut reply)?;
                line(&mut server, &mut reply)?;
                if size == 0 {
                    return Ok(reply);
                }
            }
        }
        let size = header(&head, "content-length").map_or(Ok(0), str::parse::<u64>).map_err(io::Error::other)?;
        io::copy(&mut server.take(size), &mut reply)?;
        Ok(reply)
    }
}

/// A request as it has come. Its last byte stays in the socket until [`Request::taken`]: a connection that is closed over
/// bytes that nobody has taken is reset, one without them is closed.
struct Request {
    /// Bytes of its head.
    head: usize,
    bytes: Vec<u8>,
}

impl Request {
    fn take(mut client: &TcpStream) -> io::Result<Option<Self>> {
        let mut bytes = vec![0; 1 << 16];
        let head = loop {
            let count = client.peek(&mut bytes)?;
            if count == 0 {
                return Ok(None);
            }
            if let Some(at) = find(&bytes[..count], END_OF_HEAD) {
                break at + END_OF_HEAD.len();
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
        let size = header(&text, "content-length").map_or(Ok(0), str::parse::<usize>).map_err(io::Error::other)?;
        bytes.resize(head + size, 0);
        let last = bytes.len() - 1;
        client.read_exact(&mut bytes[..last])?;
        if client.peek(&mut bytes[last..])? == 0 {
            return Ok(None);
        }
        Ok(Some(Self { head, bytes }))
    }

    fn taken(&self, mut client: &TcpStream) -> io::Result<()> {
        client.read_exact(&mut [0])
    }

    /// Its method and target.
    fn line(&self) -> String {
        let end = find(&self.bytes, b" HTTP/").unwrap_or(self.head);
        String::from_utf8_lossy(&self.bytes[..end]).into_owned()
    }

    fn method(&self) -> String {
        self.line().split(' ').next().unwrap_or_default().to_owned()
    }
}

/// Reads a line to the end of `to`, and says it.
fn line(from: &mut impl BufRead, to: &mut Vec<u8>) -> io::Result<String> {
    let start = to.len();
    if from.read_until(b'\n', to)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&to[start..]).into_owned())
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| line.split_once(':').filter(|(key, _)| *key == name)).map(|(_, value)| value.trim())
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The reply of a server that does not want to.
fn refusal(slow_down: bool) -> String {
    let (status, code) = if slow_down { ("503 Slow Down", "SlowDown") } else { ("500 Oops", "InternalError") };
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>Please wait</Message></Error>");
    format!("HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
