//! An S3 server of our own: SeaweedFS from the Python environment of the tests, on loopback, on free ports, one for
//! all tests of a process. It honours `If-None-Match: *`, which is what the commit of a run stands on.
//!
//! Apart from the tests because of its many ports. It leaves nothing behind: a shell holds it that ends with the
//! test process, however that ends, and removes its folder.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsAuthorizer, AwsCredential};
use object_store::client::{HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector};
use object_store::path::Path as Key;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::runtime::Runtime;

use crate::harness;

const BUCKET: &str = "ratemill";
const KEY: &str = "ratemill";
const SECRET: &str = "ratemill-tests";
/// Unsigned requests are refused, so that a run that forgets its keys is found out.
const IDENTITIES: &str = r#"{"identities": [{"name": "tests", "credentials": [{"accessKey": "ratemill", "secretKey": "ratemill-tests"}], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}"#;
/// Holds the server until the pipe on its own standard input is closed. `$1` is the folder, `$2` the ports of sockets
/// that the server leaves in /tmp, the rest the server with its words.
const KEEPER: &str = r#"
folder=$1; ports=$2; shift 2
cd "$folder" || exit 1
HOME=$folder TMPDIR=$folder "$@" >"$folder/log" 2>&1 </dev/null &
server=$!
read -r _
kill "$server"
wait "$server"
for port in $ports; do rm -f /tmp/seaweedfs-*-grpc-"$port".sock; done
rm -rf "$folder"
"#;

/// The running server.
pub(crate) struct Weed {
    endpoint: String,
    store: Arc<AmazonS3>,
    runtime: Runtime,
    /// Closing its standard input ends the server; the system does that when the process ends.
    _keeper: Child,
}

static SHARED: LazyLock<Weed> = LazyLock::new(start);

/// The server of this test process.
pub(crate) fn shared() -> &'static Weed {
    &SHARED
}

/// The URL of `prefix` in the bucket of the tests.
pub(crate) fn url(prefix: &str) -> String {
    format!("s3://{BUCKET}/{prefix}")
}

impl Weed {
    /// What the engine needs in its environment.
    pub(crate) fn env(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT", self.endpoint.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_ALLOW_HTTP", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// The address that the engine is told, `http://127.0.0.1:PORT`.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Puts every file of a folder below `prefix`.
    pub(crate) fn upload(&self, folder: &Path, prefix: &str) {
        for (name, path) in harness::files(folder) {
            self.put(&format!("{prefix}/{name}"), std::fs::read(path).unwrap());
        }
    }

    pub(crate) fn put(&self, name: &str, bytes: impl Into<PutPayload>) {
        let key = Key::parse(name).unwrap();
        self.runtime.block_on(self.store.put(&key, bytes.into())).unwrap();
    }

    pub(crate) fn get(&self, name: &str) -> Vec<u8> {
        let key = Key::parse(name).unwrap();
        self.runtime.block_on(async { self.store.get(&key).await.unwrap().bytes().await.unwrap().to_vec() })
    }

    /// Brings everything below `prefix` into a folder.
    pub(crate) fn download(&self, prefix: &str, folder: &Path) {
        for (name, bytes) in self.objects(prefix) {
            harness::write(&folder.join(name), bytes);
        }
    }

    /// Everything below `prefix` with the digest of its bytes.
    pub(crate) fn digests(&self, prefix: &str) -> BTreeMap<String, String> {
        self.objects(prefix).into_iter().map(|(name, bytes)| (name, harness::digest(&bytes))).collect()
    }

    /// Everything below `prefix` with its size, as the server lists it.
    pub(crate) fn sizes(&self, prefix: &str) -> BTreeMap<String, u64> {
        let root = Key::parse(prefix).unwrap();
        let listed: Vec<_> = self.runtime.block_on(self.store.list(Some(&root)).try_collect()).unwrap();
        let name = |key: Key| key.as_ref().strip_prefix(prefix).unwrap().trim_start_matches('/').to_owned();
        listed.into_iter().map(|meta| (name(meta.location), meta.size)).collect()
    }

    fn objects(&self, prefix: &str) -> BTreeMap<String, Vec<u8>> {
        let names = self.sizes(prefix).into_keys();
        names.map(|name| (name.clone(), self.get(&format!("{prefix}/{name}")))).collect()
    }

    /// Uploads in parts that were begun below `prefix` and neither finished nor given up, as the server lists them. No
    /// client of ours has this call, so it is made by hand.
    pub(crate) fn open_uploads(&self, prefix: &str) -> usize {
        let client = ReqwestConnector::default().connect(&ClientOptions::new().with_allow_http(true)).unwrap();
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = format!("{}/{BUCKET}?uploads=", self.endpoint).parse().unwrap();
        let (key_id, secret_key) = (KEY.to_owned(), SECRET.to_owned());
        let credential = AwsCredential { key_id, secret_key, token: None };
        AwsAuthorizer::new(&credential, "s3", "us-east-1").authorize(&mut request, None);
        let told = self.runtime.block_on(async { client.execute(request).await.unwrap().into_body().bytes().await });
        let told = String::from_utf8(told.unwrap().to_vec()).unwrap();
        assert!(told.contains("<ListMultipartUploadsResult"), "{told}");
        told.matches(&format!("<Key>{prefix}/")).count()
    }
}

fn start() -> Weed {
    let folder = harness::folder().keep();
    harness::write(&folder.join("identities.json"), IDENTITIES);
    std::fs::create_dir(folder.join("store")).unwrap();
    let (words, sockets, endpoint) = words(&folder);
    let mut keeper = Command::new("sh");
    keeper.arg("-c").arg(KEEPER).arg("sh").arg(&folder).arg(sockets).arg(harness::tool("weed")).args(words);
    keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let keeper = keeper.spawn().unwrap();
    let store = AmazonS3Builder::new()
        .with_bucket_name(BUCKET)
        .with_endpoint(&endpoint)
        .with_region("us-east-1")
        .with_access_key_id(KEY)
        .with_secret_access_key(SECRET)
        .with_allow_http(true)
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let weed = Weed { endpoint, store: Arc::new(store), runtime, _keeper: keeper };
    wait_until_ready(&weed, &folder);
    weed
}

/// The words of `weed`, the ports of its leftover sockets, and the S3 endpoint.
fn words(folder: &Path) -> (Vec<String>, String, String) {
    // Held all at once, so that no two of them are the same, and let go together.
    let held: Vec<TcpListener> = (0..9).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
    let ports: Vec<u16> = held.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    drop(held);
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let mut words = vec![format!("-logdir={}", folder.display()), "mini".to_owned()];
    let services = ["master", "volume", "filer", "s3"];
    for (service, pair) in services.iter().zip(ports.chunks(2)) {
        words.push(format!("-{service}.port={}", pair[0]));
        words.push(format!("-{service}.port.grpc={}", pair[1]));
    }
    // The admin's grpc port is its own port + 10000 unless said, which may be out of range.
    let admin = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    words.extend([
        format!("-dir={}", path("store")),
        format!("-admin.port={}", ports[8]),
        format!("-admin.port.grpc={admin}"),
        format!("-volume.port.public={}", ports[2]),
        format!("-s3.config={}", path("identities.json")),
        format!("-filer.localSocket={}", path("filer.sock")),
        format!("-s3.localSocket={}", path("s3.sock")),
        format!("-bucket={BUCKET}"),
    ]);
    let fixed = "-ip=127.0.0.1 -ip.bind=127.0.0.1 -metricsIp=127.0.0.1 -s3.port.iceberg=0 -s3.port.lance=0 \
                 -webdav=false -admin.ui=false -master.telemetry=false -master.volumeSizeLimitMB=64";
    words.extend(fixed.split_whitespace().map(ToOwned::to_owned));
    let sockets = [ports[1], ports[3], ports[5], ports[7], admin].map(|port| port.to_string()).join(" ");
    (words, sockets, format!("http://127.0.0.1:{}", ports[6]))
}

/// Ready is when a put-if-absent is granted once and refused the second time.
fn wait_until_ready(weed: &Weed, folder: &Path) {
    let since = Instant::now();
    let key = Key::from("ready");
    let create = || {
        let options = PutOptions::from(PutMode::Create);
        weed.runtime.block_on(weed.store.put_opts(&key, PutPayload::from_static(b"yes"), options))
    };
    while let Err(cause) = create() {
        if matches!(cause, object_store::Error::AlreadyExists { .. }) {
            break;
        }
        let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(since.elapsed() < Duration::from_secs(120), "the S3 server is not ready: {cause}\n{log}");
        std::thread::sleep(Duration::from_millis(200));
    }
    let refused = create();
    assert!(matches!(refused, Err(object_store::Error::AlreadyExists { .. })), "put-if-absent twice: {refused:?}");
}

#[test]
fn of_many_writers_of_one_name_the_server_grants_one() {
    let weed = shared();
    for round in 0..5 {
        let key = Key::from(format!("writers/{round}"));
        let put = |writer: u8| {
            let options = PutOptions::from(PutMode::Create);
            let (store, key) = (Arc::clone(&weed.store), key.clone());
            async move { store.put_opts(&key, PutPayload::from(vec![writer]), options).await.ok().map(|_| writer) }
        };
        let puts = weed.runtime.block_on(futures::future::join_all((0..16).map(put)));
        let granted: Vec<u8> = puts.into_iter().flatten().collect();
        assert_eq!(granted.len(), 1, "{granted:?}");
        assert_eq!(weed.objects("writers")[&round.to_string()], granted);
    }
}

#[test]
fn an_upload_in_parts_is_seen_until_it_is_given_up() {
    let weed = shared();
    let key = Key::from("parts/one");
    assert_eq!(weed.open_uploads("parts"), 0);
    let mut upload = weed.runtime.block_on(weed.store.put_multipart(&key)).unwrap();
    assert_eq!(weed.open_uploads("parts"), 1);
    weed.runtime.block_on(upload.abort()).unwrap();
    assert_eq!(weed.open_uploads("parts"), 0);
}
