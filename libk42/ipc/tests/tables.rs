//! Handle tables: what a client holds is its own, and a fork has the same.

use k42_ipc::{ClientTables, Error, Exported, Handle, Incoming, ProcessId, Reply};
use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Object(u32, Arc<AtomicUsize>);

impl Exported for Object {
    fn dispatch(&self, _: &mut Incoming<'_>) -> Reply {
        Reply::new(i64::from(self.0), 0)
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

fn object(n: u32, live: &Arc<AtomicUsize>) -> Arc<dyn Exported> {
    live.fetch_add(1, Ordering::Relaxed);
    Arc::new(Object(n, live.clone()))
}

#[test]
fn generations_quotas_and_ends() {
    let live = Arc::new(AtomicUsize::new(0));
    let tables = ClientTables::new(70);
    let (old, new) = (ProcessId::new(300, 1), ProcessId::new(300, 2));
    let first = tables.insert(old, object(1, &live), 7).expect("room");
    assert_ne!(first, Handle::ROOT);
    assert_eq!(tables.lookup(old, first).expect("there").1, 7);
    assert_eq!(
        tables.lookup(new, first).err(),
        Some(Error::BAD_HANDLE),
        "another generation"
    );
    assert_eq!(
        tables.lookup(ProcessId::new(9, 1), first).err(),
        Some(Error::BAD_HANDLE)
    );
    for n in 1..70 {
        tables.insert(old, object(n, &live), 0).expect("room");
    }
    assert_eq!(
        tables.insert(old, object(0, &live), 0).err(),
        Some(Error::EMFILE)
    );
    assert_eq!(live.load(Ordering::Relaxed), 70);

    tables.remove(old, first).expect("there");
    assert_eq!(tables.remove(old, first).err(), Some(Error::BAD_HANDLE));
    let again = tables.insert(old, object(1, &live), 0).expect("room");
    assert_eq!(
        (again.slot(), again == first),
        (first.slot(), false),
        "same slot, other sequence"
    );

    let other = tables.insert(new, object(5, &live), 0).expect("room");
    assert_eq!(
        live.load(Ordering::Relaxed),
        1,
        "the old generation's handles went"
    );
    tables.end(old);
    assert!(
        tables.lookup(new, other).is_ok(),
        "a late end of the old one does nothing"
    );
    tables.end(new);
    assert_eq!(live.load(Ordering::Relaxed), 0);
}

#[derive(Clone, Debug)]
enum Op {
    Insert(u8, u32),
    Remove(u8, usize),
    Fork(u8, u8),
    End(u8),
}

proptest! {
    /// The tables do what a map per process does.
    #[test]
    fn like_maps(ops in proptest::collection::vec(prop_oneof![
        4 => (0u8..4, any::<u32>()).prop_map(|(p, n)| Op::Insert(p, n)),
        2 => (0u8..4, any::<usize>()).prop_map(|(p, n)| Op::Remove(p, n)),
        1 => (0u8..4, 0u8..4).prop_map(|(p, c)| Op::Fork(p, c)),
        1 => (0u8..4).prop_map(Op::End)], 0..200)) {
        let live = Arc::new(AtomicUsize::new(0));
        let tables = ClientTables::new(100);
        let mut model: [HashMap<u64, u32>; 4] = Default::default();
        let process = |p: u8| ProcessId::new(u16::from(p) * 200, 1);
        for op in ops {
            match op {
                Op::Insert(p, n) => {
                    let n = n >> 1;
                    if let Ok(handle) = tables.insert(process(p), object(n, &live), n) {
                        assert_eq!(model[usize::from(p)].insert(handle.0, n), None);
                    }
                }
                Op::Remove(p, n) => {
                    let map = &mut model[usize::from(p)];
                    if let Some(handle) = map.keys().nth(n % map.len().max(1)).copied() {
                        assert!(tables.remove(process(p), Handle(handle)).is_ok());
                        map.remove(&handle);
                        assert!(tables.lookup(process(p), Handle(handle)).is_err());
                    }
                }
                Op::Fork(p, c) if p != c => {
                    tables.fork(process(p), process(c)).expect("memory is there");
                    model[usize::from(c)] = model[usize::from(p)].clone();
                }
                Op::Fork(..) => {}
                Op::End(p) => {
                    tables.end(process(p));
                    model[usize::from(p)].clear();
                }
            }
            for p in 0..4u8 {
                let map = &model[usize::from(p)];
                assert_eq!(tables.count(process(p)), map.len());
                for (handle, n) in map {
                    assert_eq!(tables.lookup(process(p), Handle(*handle)).expect("there").1, *n);
                }
            }
        }
        let distinct: std::collections::HashSet<_> = model.iter().flat_map(|m| m.values()).collect();
        assert!(live.load(Ordering::Relaxed) >= distinct.len());
        (0..4).for_each(|p| tables.end(process(p)));
        assert_eq!(live.load(Ordering::Relaxed), 0);
    }
}
