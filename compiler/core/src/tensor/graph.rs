//! Who reads whom: kernel → directed graph from producers to consumers. It has no cycles, because a definition reads only
//! tensors before it.

use petgraph::Direction;
use petgraph::algo::toposort;
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
            let reads = kernel.tensor(consumer).compute().map(|c| c.reads()).unwrap_or_default();
            for read in reads {
                graph.update_edge(node(read.tensor), node(consumer), ());
            }
        }
        Graph { graph }
    }

    /// All tensors, each behind those that it reads.
    pub fn order(&self) -> Vec<TensorId> {
        let order = toposort(&self.graph, None).expect("a definition reads only tensors before it");
        order.into_iter().map(|n| self.graph[n]).collect()
    }

    /// The tensors whose definitions read `tensor`, in the order of the source.
    pub fn consumers(&self, tensor: TensorId) -> Vec<TensorId> {
        self.neighbors(tensor, Direction::Outgoing)
    }

    /// The tensors that the definition of `tensor` reads, in the order of the source.
    pub fn producers(&self, tensor: TensorId) -> Vec<TensorId> {
        self.neighbors(tensor, Direction::Incoming)
    }

    fn neighbors(&self, tensor: TensorId, direction: Direction) -> Vec<TensorId> {
        let mut found: Vec<TensorId> =
            self.graph.neighbors_directed(node(tensor), direction).map(|n| self.graph[n]).collect();
        found.sort();
        found
    }
}

fn node(tensor: TensorId) -> NodeIndex {
    NodeIndex::new(tensor.0 as usize)
}
