//! What a client may send: any words, to any method, at any time.

use super::mock::World;
use super::random::check;
use crate::Root;
use crate::record::Life;
use k42_ipc::{Caller, Exported, Handle, Incoming, ProcessId};
use proptest::prelude::{Strategy, any, prop_oneof, proptest};

/// Words as an attacker chooses them: near what is valid, and far from it.
fn words() -> impl Strategy<Value = [u64; 5]> {
    let word = prop_oneof![4 => 0u64..12, 1 => any::<u64>(), 1 => any::<i8>().prop_map(|small| i64::from(small) as u64)];
    proptest::array::uniform5(word)
}

proptest! {
    /// The server answers everything, and its tree stays whole.
    #[test]
    fn any_message_gets_an_answer(
        calls in proptest::collection::vec((0usize..6, 0usize..3, 1u16..48, words(), proptest::collection::vec(any::<u8>(), 0..40)), 1..40),
    ) {
        let world = World::new();
        let mut pids = vec![1, world.fork(1), world.fork(1)];
        pids.push(world.fork(pids[1]));
        for (who, which, method, mut words, payload) in calls {
            // Processes, /proc, shared memory.
            let interface = [3, 6, 10][which];
            let leaves = interface == 3 && matches!(method, 2 | 23);
            let process = match pids.get(who) {
                // The first process must not leave, nor may the machine.
                Some(&pid) if world.life(pid) == Some(Life::Running) && !(leaves && (pid == 1 || method == 23)) => world.space(pid),
                // A server, a stranger.
                _ if !leaves => [ProcessId::CONSOLE, ProcessId::new(400, 3)][who % 2],
                _ => continue,
            };
            let mut slot = vec![0; 8192];
            slot[..payload.len()].copy_from_slice(&payload);
            let caller = Caller { process, vp: 0, handle: Handle::ROOT, rights: u32::MAX };
            let mut incoming = Incoming { caller, method: interface << 8 | method, words: &mut words, slot: &mut slot, length: payload.len() };
            let reply = Root(world.server).dispatch(&mut incoming);
            assert!(reply.length() <= 8192 && reply.status() <= 0);
            check(&world);
        }
        assert_eq!(world.life(1), Some(Life::Running));
    }
}
