use super::Rng;
use crate::frames::{Frame, Frames, Kind, Need};
use crate::tree::PageTree;
use std::collections::BTreeMap;
use std::vec::Vec;

/// Many trees that share by cloning, against maps that are copied.
#[test]
fn trees_behave_like_maps_that_are_copied() {
    let (core, _) = super::machine::machine(8192);
    let frames: &'static Frames = &core.frames;
    let start = frames.free();
    let mut rng = Rng(99);
    for round in 0..20 {
        let mut trees: Vec<(PageTree, BTreeMap<u64, Frame>)> = Vec::new();
        trees.push((PageTree::new(frames), BTreeMap::new()));
        let bases = [0, 60, 1 << 20, (1 << 34) - 70, 0x3_feff_ffff];
        for _ in 0..1500 {
            let at = rng.below(trees.len() as u64) as usize;
            let base = bases[rng.below(if round % 2 == 0 { 2 } else { 5 }) as usize];
            let index = base + rng.below(200);
            let end = index + rng.below(150);
            match rng.below(12) {
                0 if trees.len() < 6 => {
                    let copy = trees[at].clone();
                    trees.push(copy);
                }
                1 if trees.len() > 1 => drop(trees.swap_remove(at)),
                2 => {
                    let (tree, map) = &mut trees[at];
                    let before = map.range(index..end.max(index)).count() as u64;
                    assert_eq!(tree.remove(index, end), before);
                    map.retain(|&i, _| i < index || i >= end);
                }
                3 => {
                    let (tree, map) = &mut trees[at];
                    let other = tree.split_off(index, end);
                    for (&i, &frame) in map.range(index..end.max(index)) {
                        assert_eq!(other.find(i).map(|f| f.frame), Some(frame));
                    }
                    map.retain(|&i, _| i < index || i >= end);
                }
                _ => {
                    let Some(frame) = frames.allocate(Kind::Anonymous, Need::Private(0)) else {
                        continue;
                    };
                    let (tree, map) = &mut trees[at];
                    tree.insert(index, frame);
                    map.insert(index, frame);
                }
            }
        }
        for (tree, map) in &trees {
            assert_eq!(tree.count(0, u64::MAX), map.len() as u64);
            let mut all = Vec::new();
            tree.each(0, u64::MAX, |i, f| {
                all.push((i, f));
                true
            });
            assert_eq!(all, map.iter().map(|(&i, &f)| (i, f)).collect::<Vec<_>>());
            assert_eq!(
                tree.last(0, u64::MAX),
                map.iter().next_back().map(|(&i, &f)| (i, f))
            );
            for (&i, &frame) in map {
                let found = tree.find(i).unwrap();
                assert_eq!(found.frame, frame);
                let owners = trees
                    .iter()
                    .filter(|(_, m)| m.get(&i) == Some(&frame))
                    .count();
                // "Alone" must never be said of what another tree has too.
                assert!(!found.alone || owners == 1);
            }
        }
        drop(trees);
        assert_eq!(frames.free(), start, "frames were lost");
    }
}
