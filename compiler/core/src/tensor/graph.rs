//! Who reads whom: kernel → directed graph from producers to consumers. The next value of a state may depend on the state,
//! so tensors on a cycle make up the recurrent part of a scan; there are no other cycles, because a definition reads only
//! tensors before it.

use petgraph::Direction;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::{Kernel, TensorId};

/// The tensors of a kernel as nodes, with one edge from each tensor to each other one that reads it.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Node `n` is tensor `n`.
    graph: DiGraph<TensorId, ()>,
}

impl Graph {
    pub fn new(kernel: &Kernel) -> Graph {
        let mut graph = DiGraph::with_capacity(kernel.tensors.len(), kernel.tensors.len());
        for id in kernel.ids() {
            graph.add_node(id);
        }
        for consumer in kernel.ids() {
            let tensor = kernel.tensor(consumer);
            let reads = tensor.compute().map(|c| c.reads()).unwrap_or_default();
            let init = tensor.state().map(|s| s.init);
            for producer in reads.iter().map(|r| r.tensor).chain(init) {
                graph.update_edge(node(producer), node(consumer), ());
            }
        }
        Graph { graph }
    }

    /// All tensors in groups, each behind those that it reads. A group of several tensors, in the order of the source, is
    /// the recurrent part of a scan: they depend on each other from step to step.
    pub fn groups(&self) -> Vec<Vec<TensorId>> {
        let mut groups: Vec<Vec<TensorId>> =
            tarjan_scc(&self.graph).iter().rev().map(|g| g.iter().map(|n| self.graph[*n]).collect()).collect();
        groups.iter_mut().for_each(|g| g.sort());
        groups
    }

    /// The tensors that the definition of `tensor` reads, in the order of the source.
    pub fn producers(&self, tensor: TensorId) -> Vec<TensorId> {
        let incoming = self.graph.neighbors_directed(node(tensor), Direction::Incoming);
        let mut found: Vec<TensorId> = incoming.map(|n| self.graph[n]).collect();
        found.sort();
        found
    }
}

fn node(tensor: TensorId) -> NodeIndex {
    NodeIndex::new(tensor.0 as usize)
}
