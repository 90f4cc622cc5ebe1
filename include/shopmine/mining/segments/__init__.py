"""Customer profiles 用户画像: segments of customers who behave alike, each with the figures that set it apart."""

from shopmine.mining.segments.application import apply_segments
from shopmine.mining.segments.config import SegmentsConfig
from shopmine.mining.segments.evaluation import evaluate_segments
from shopmine.mining.segments.fitting import fit_segments
from shopmine.mining.segments.model import Segment, Segments

__all__ = ["Segment", "Segments", "SegmentsConfig", "apply_segments", "evaluate_segments", "fit_segments"]
