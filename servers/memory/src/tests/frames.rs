use super::Rng;
use crate::frames::{Frame, FrameInfo, Frames, Kind, MAX_ORDER, Need};
use std::vec::Vec;

fn frames(count: u32) -> Frames {
    let info = Vec::leak((0..count).map(|_| FrameInfo::default()).collect());
    let frames = Frames::new(info, 2, || 0);
    frames.add(Frame(16), Frame(count));
    frames
}

#[test]
fn blocks_are_aligned_and_come_back_whole() {
    let frames = frames(4096);
    let start = frames.free();
    for order in 0..=MAX_ORDER {
        let block = frames
            .allocate_block(Kind::Pinned, Need::System, order)
            .unwrap();
        assert_eq!(block.0 % (1 << order), 0);
        frames.release_row(block, 1 << order);
    }
    let row = frames.allocate_row(Kind::Pinned, Need::System, 17).unwrap();
    assert_eq!(frames.free(), start - 17);
    frames.release_row(row, 17);
    assert_eq!(frames.free(), start);
    assert_eq!(frames.used(Kind::Pinned), 0);
}

#[test]
fn random_use_never_gives_a_frame_twice() {
    let frames = frames(2048);
    let start = frames.free();
    let mut rng = Rng(7);
    let mut held: Vec<(Frame, u32)> = Vec::new();
    let mut owned = std::collections::BTreeSet::new();
    for _ in 0..20_000 {
        if rng.below(2) == 0 || held.is_empty() {
            let order = rng.below(5) as u32;
            let row = 1 + rng.below(20) as u32;
            let got = match rng.below(4) {
                0 => frames
                    .allocate_block(Kind::Table, Need::System, order)
                    .map(|f| (f, 1 << order)),
                1 => frames
                    .allocate_row(Kind::Pinned, Need::System, row)
                    .map(|f| (f, row)),
                _ => frames
                    .allocate(Kind::Anonymous, Need::Private(0))
                    .map(|f| (f, 1)),
            };
            if let Some((frame, pages)) = got {
                (0..pages).for_each(|i| assert!(owned.insert(frame.plus(i))));
                held.push((frame, pages));
            }
        } else {
            let (frame, pages) = held.swap_remove(rng.below(held.len() as u64) as usize);
            (0..pages).for_each(|i| assert!(owned.remove(&frame.plus(i))));
            frames.release_row(frame, pages);
        }
    }
    held.drain(..)
        .for_each(|(frame, pages)| frames.release_row(frame, pages));
    assert_eq!(frames.free(), start);
}

#[test]
fn one_that_has_much_is_refused_before_one_that_has_little() {
    let frames = frames(4096);
    let mut has = 0;
    while frames
        .allocate(Kind::Anonymous, Need::Private(has))
        .is_some()
    {
        has += 1;
    }
    assert!(frames.allocate(Kind::Anonymous, Need::Private(1)).is_some());
    assert!(frames.allocate(Kind::Table, Need::System).is_some());
    assert!(has > 3000);
}

#[test]
fn shared_frames_are_freed_by_the_last_owner() {
    let frames = frames(256);
    let start = frames.free();
    let frame = frames.allocate(Kind::Anonymous, Need::System).unwrap();
    frames.share(frame);
    assert_eq!(frames.owners(frame), 2);
    frames.release(frame);
    assert_eq!(frames.owners(frame), 1);
    frames.release(frame);
    assert_eq!(frames.free(), start);
}
