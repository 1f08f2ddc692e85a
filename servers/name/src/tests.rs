use super::*;

#[derive(Default)]
struct Mock {
    points: Mutex<Vec<(u32, String, u32)>>,
    told: Mutex<Vec<u32>>,
}

impl Neighbours for &'static Mock {
    fn is_root(&self, process: ProcessId) -> bool {
        process.0 == 20
    }
    fn set_mount_point(&self, server: ProcessId, path: &str, id: u32) -> Result<()> {
        if path.contains("missing") {
            return Err(Error::ENOENT);
        }
        self.points.lock().push((server.0, path.to_string(), id));
        Ok(())
    }
    fn changed(&self, process: ProcessId, _: u32) {
        self.told.lock().push(process.0);
    }
}

fn start() -> (&'static Mock, Server<&'static Mock>) {
    let mock: &Mock = Box::leak(Box::default());
    (mock, Server::new(mock))
}

fn caller(process: u32) -> Caller {
    Caller {
        process: ProcessId(process),
        vp: 0,
        handle: Handle::ROOT,
        rights: 0,
    }
}

fn points(server: &Server<&'static Mock>) -> Vec<String> {
    let mut buffer = [0; 8192];
    let mut out = OutBuf::new(&mut buffer);
    server.mounts(&caller(30), &mut out).unwrap();
    let mut bytes = out.filled();
    core::iter::from_fn(|| mounts::parse(&mut bytes))
        .map(|m| m.point.to_string())
        .collect()
}

fn mount(server: &Server<&'static Mock>, by: u32, point: &str, on: ProcessId) -> Result<u32> {
    server.mount(
        &caller(by),
        ProcessId::PROCESS,
        "proc",
        "proc",
        point,
        on,
        Handle::ROOT,
        0,
    )
}

#[test]
fn mounts_and_unmounts() {
    let (mock, server) = start();
    assert_eq!(points(&server), ["/", "/proc", "/dev", "/dev/pts"]);
    assert_eq!(
        mount(&server, 21, "/mnt", ProcessId::KFS),
        Err(Error::EPERM)
    );
    assert_eq!(mount(&server, 20, "/mnt//p/", ProcessId::KFS), Ok(4));
    assert_eq!(
        mount(&server, 20, "/mnt/p/sub", ProcessId::KFS),
        Err(Error::EINVAL)
    );
    assert_eq!(mount(&server, 20, "/mnt/p/sub", ProcessId::PROCESS), Ok(5));
    assert_eq!(
        mount(&server, 20, "/mnt/p", ProcessId::PROCESS),
        Err(Error::EBUSY)
    );
    assert_eq!(
        mount(&server, 20, "/missing", ProcessId::KFS),
        Err(Error::ENOENT)
    );
    assert_eq!(
        mount(&server, 20, "/mnt/../x", ProcessId::KFS),
        Err(Error::EINVAL)
    );
    assert_eq!(
        mount(&server, 20, "/dev/pts/x", ProcessId::CONSOLE),
        Ok(7),
        "a number is never used again"
    );
    assert_eq!(
        *mock.points.lock(),
        [
            (4, "/mnt/p".into(), 4),
            (2, "/sub".into(), 5),
            (5, "/pts/x".into(), 7)
        ]
    );
    assert_eq!(*mock.told.lock(), [30]);
    points(&server);
    assert_eq!(server.unmount(&caller(20), "/mnt/p", 0), Err(Error::EBUSY));
    assert_eq!(server.unmount(&caller(20), "/", 0), Err(Error::EBUSY));
    assert_eq!(server.unmount(&caller(20), "/none", 0), Err(Error::EINVAL));
    server.unmount(&caller(20), "/mnt/p/sub", 0).unwrap();
    server.unmount(&caller(20), "/mnt/p", 2).unwrap();
    assert_eq!(
        points(&server),
        ["/", "/proc", "/dev", "/dev/pts", "/dev/pts/x"]
    );
    assert_eq!(
        mock.points.lock()[3..],
        [(2, "/sub".into(), NO_MOUNT), (4, "/mnt/p".into(), NO_MOUNT)]
    );
}

#[test]
fn hostile_texts() {
    let (_, server) = start();
    let long = format!("/{}", "x".repeat(300));
    assert_eq!(
        mount(&server, 20, &long, ProcessId::KFS),
        Err(Error::ENAMETOOLONG)
    );
    assert_eq!(mount(&server, 20, "", ProcessId::KFS), Err(Error::EINVAL));
    let mut count = 4;
    while mount(&server, 20, &format!("/m{count}"), ProcessId::KFS).is_ok() {
        count += 1;
    }
    assert_eq!(count, MOUNTS_MAX as u32);
    assert_eq!(points(&server).len(), MOUNTS_MAX);
}
