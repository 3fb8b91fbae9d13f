//! A proxy between clients and a server that does to their commands what networks and servers do on bad days.
//!
//! Each connection has two threads: one reads requests and decides their fate, the other reads replies and pairs them
//! with the requests, which may be many at a time.

mod faults;
mod resp;

use std::{
    collections::{HashMap, VecDeque},
    io::{Read, Write},
    mem,
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

pub use faults::{Command, Fault};

use crate::RedisServer;

/// How often a connection without a client is looked at, whether it has delivered what is late.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A proxy on a port of its own, which ends with its owner.
///
/// # Examples
/// ```
/// use redis_ext::{backend::TaskBackend as _, RedisBackend, QueueName};
/// use redis_ext_tests::{Fault, Proxy, RedisServer};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let server = RedisServer::start();
/// let proxy = Proxy::to(&server);
/// let backend = RedisBackend::connect(&proxy.url()).await?;
/// proxy.strike(0, Fault::CutBefore);
/// let error = backend.pause(&QueueName::from_static("q")).await.unwrap_err();
/// assert!(error.is_retryable() && error.is_maybe_applied());
/// # Ok::<(), redis_ext::BackendError>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

/// Decides the fate of each command.
type Rule = Box<dyn FnMut(&Command) -> Option<Fault> + Send>;

struct Shared {
    server: u16,
    ends: AtomicBool,
    rule: Mutex<Rule>,
    seen: Mutex<Vec<String>>,
    /// How often something was made to go wrong.
    struck: AtomicUsize,
    /// How many requests are still to be applied although their connection is gone.
    late: AtomicUsize,
    /// The names of the scripts by their hashes.
    scripts: Mutex<HashMap<Vec<u8>, String>>,
    streams: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// A proxy before `server`, which passes everything on until it is told otherwise.
    ///
    /// # Panics
    /// When the loopback interface has no free port.
    #[must_use]
    pub fn to(server: &RedisServer) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback interface has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let shared = Arc::new(Shared {
            server: server.port(),
            ends: AtomicBool::new(false),
            rule: Mutex::new(Box::new(|_| None)),
            seen: Mutex::default(),
            struck: AtomicUsize::new(0),
            late: AtomicUsize::new(0),
            scripts: Mutex::default(),
            streams: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.ends.load(SeqCst) {
                    break;
                }
                Session::begin(&accepting, client);
            }
        });
        Self { port, shared }
    }

    /// Its address for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Lets `rule` decide the fate of each command from now on.
    pub fn rule(&self, rule: impl FnMut(&Command) -> Option<Fault> + Send + 'static) {
        self.shared.struck.store(0, SeqCst);
        *lock(&self.shared.rule) = Box::new(rule);
    }

    /// From now on, lets `fault` happen to the command number `nth`, from 0, and to no other.
    pub fn strike(&self, nth: usize, fault: Fault) {
        let mut passed = 0;
        self.rule(move |command| {
            if command.is_housekeeping() {
                return None;
            }
            passed += 1;
            (passed == nth + 1).then_some(fault)
        });
    }

    /// Passes everything on again; the answer is how often something went wrong before.
    pub fn calm(&self) -> usize {
        let struck = self.struck();
        self.rule(|_| None);
        struck
    }

    /// How often something went wrong since the rule was set.
    #[must_use]
    pub fn struck(&self) -> usize {
        self.shared.struck.load(SeqCst)
    }

    /// How many requests are [`Late`](Fault::Late) and not applied yet.
    #[must_use]
    pub fn late(&self) -> usize {
        self.shared.late.load(SeqCst)
    }

    /// The names of the commands that came since this was last asked, without the housekeeping.
    #[must_use]
    pub fn seen(&self) -> Vec<String> {
        mem::take(&mut *lock(&self.shared.seen))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ends.store(true, SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        for stream in lock(&self.shared.streams).drain(..) {
            let _already_closed = stream.shutdown(Shutdown::Both);
        }
    }
}

/// One client's connection and its counterpart.
struct Session {
    shared: Arc<Shared>,
    client: TcpStream,
    server: TcpStream,
    /// What is to be done with the replies to come, in the order of the requests.
    expected: Mutex<VecDeque<Expected>>,
    /// Nothing goes either way any more, though nobody is told.
    silent: AtomicBool,
}

enum Expected {
    Pass,
    /// Passed on, and its text is the hash of this script.
    Hash(String),
    /// It does not come from the server: this is it.
    Own(Vec<u8>),
    Cut,
    Silence,
    /// The client is gone.
    TooLate,
}

impl Session {
    fn begin(shared: &Arc<Shared>, client: TcpStream) {
        // Without a server the client sees its connection closed.
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.server)) else { return };
        for stream in [&client, &server] {
            let _ = stream.set_nodelay(true);
            lock(&shared.streams).extend(stream.try_clone());
        }
        let session = Arc::new(Self {
            shared: Arc::clone(shared),
            client,
            server,
            expected: Mutex::default(),
            silent: AtomicBool::new(false),
        });
        let replying = Arc::clone(&session);
        thread::spawn(move || {
            frames(&replying.server, |reply| replying.reply(reply));
            replying.close();
            let lost = lock(&replying.expected).drain(..).filter(|reply| matches!(reply, Expected::TooLate)).count();
            replying.shared.late.fetch_sub(lost, SeqCst);
        });
        thread::spawn(move || {
            let mut late = false;
            frames(&session.client, |request| session.request(request, &mut late));
            while late && !lock(&session.expected).is_empty() {
                thread::sleep(LOOK_EVERY);
            }
            session.close();
        });
    }

    /// Deals with a request; the answer is whether to go on.
    fn request(&self, request: &[u8], late: &mut bool) -> bool {
        if *late {
            // What was sent behind a late request is late too.
            self.shared.late.fetch_add(1, SeqCst);
            return self.forward(request, Expected::TooLate);
        }
        if self.silent.load(SeqCst) {
            return true;
        }
        let command = Command::of(request, &lock(&self.shared.scripts));
        if !command.is_housekeeping() {
            lock(&self.shared.seen).push(command.name.clone());
        }
        let fault = lock(&self.shared.rule)(&command);
        self.shared.struck.fetch_add(usize::from(fault.is_some()), SeqCst);
        match fault {
            None => self.forward(request, command.loads.map_or(Expected::Pass, Expected::Hash)),
            Some(Fault::LoseRequest) => {
                self.silent.store(true, SeqCst);
                true
            }
            Some(Fault::LoseReply) => self.forward(request, Expected::Silence),
            Some(Fault::CutBefore) => {
                self.close();
                false
            }
            Some(Fault::CutAfter) => self.forward(request, Expected::Cut),
            Some(Fault::Late(by)) => {
                *late = true;
                self.silent.store(true, SeqCst);
                self.shared.late.fetch_add(1, SeqCst);
                let _already_closed = self.client.shutdown(Shutdown::Both);
                thread::sleep(by);
                self.forward(request, Expected::TooLate)
            }
            Some(Fault::Delay(by)) => {
                thread::sleep(by);
                self.forward(request, Expected::Pass)
            }
            Some(Fault::Refuse(error)) => {
                let mut expected = lock(&self.expected);
                expected.push_back(Expected::Own(format!("-{error}\r\n").into_bytes()));
                self.give_own(&mut expected)
            }
        }
    }

    fn forward(&self, request: &[u8], expected: Expected) -> bool {
        lock(&self.expected).push_back(expected);
        (&self.server).write_all(request).is_ok()
    }

    /// Deals with a reply; the answer is whether to go on.
    fn reply(&self, reply: &[u8]) -> bool {
        let mut expected = lock(&self.expected);
        let fate = if resp::is_push(reply) { None } else { expected.pop_front() };
        match fate {
            Some(Expected::Cut) => return false,
            Some(Expected::Silence) => self.silent.store(true, SeqCst),
            Some(Expected::TooLate) => {
                self.shared.late.fetch_sub(1, SeqCst);
            }
            Some(Expected::Hash(name)) => {
                let hash = resp::texts(reply).concat();
                lock(&self.shared.scripts).insert(hash, name);
            }
            _ => {}
        }
        if self.silent.load(SeqCst) {
            return true;
        }
        (&self.client).write_all(reply).is_ok() && self.give_own(&mut expected)
    }

    /// Gives the replies that are not the server's, once it is their turn.
    fn give_own(&self, expected: &mut VecDeque<Expected>) -> bool {
        while let Some(Expected::Own(reply)) = expected.front() {
            if (&self.client).write_all(reply).is_err() {
                return false;
            }
            expected.pop_front();
        }
        true
    }

    fn close(&self) {
        for stream in [&self.client, &self.server] {
            let _already_closed = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Calls `deal` with each frame that comes, until it says stop or the stream ends.
fn frames(mut stream: &TcpStream, mut deal: impl FnMut(&[u8]) -> bool) {
    let (mut buffer, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let mut dealt = 0;
        while let Some(length) = resp::frame_length(&buffer[dealt..]) {
            if !deal(&buffer[dealt..dealt + length]) {
                return;
            }
            dealt += length;
        }
        buffer.drain(..dealt);
        match stream.read(&mut piece) {
            Ok(read @ 1..) => buffer.extend_from_slice(&piece[..read]),
            _ => return,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("server", &self.server).finish_non_exhaustive()
    }
}
