//! Suite `boot`: the kernel starts on 1, 2 and 4 CPUs, and in the other byte order.

use super::Jobs;
use crate::cargo::Package;
use crate::repo::Repo;

/// The cases that the workspace can run at present.
pub fn suite(_repo: &Repo, _packages: &[Package]) -> Jobs {
    Jobs::new("boot")
}
