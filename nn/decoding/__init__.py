"""From a model's scores to sequences: greedy, sampling and beam search.

A model takes part as an `Incremental`: it reads tokens and scores the next one. Here
is one of five tokens, that holds the successor of the last token for the likeliest:

>>> class Counting:
...     def advance(self, tokens, real=None):
...         return np.eye(5)[(tokens[:, -1] + 1) % 5]
...
...     def select(self, rows):
...         pass
>>> greedy = Sampling(temperature=0)
>>> done = generate(Counting(), [[0], [1, 2]], max_new_tokens=3, settings=greedy)
>>> [completion.tokens.tolist() for completion in done]
[[1, 2, 3], [3, 4, 0]]
>>> best, second = beam_search(
...     Counting(), [[0]], max_new_tokens=3, settings=Beams(beam_size=2, n_best=2)
... )[0]
>>> best.tokens.tolist(), second.tokens.tolist()
([1, 2, 3], [1, 2, 0])

Results are those of Hugging Face's `generate` with the same settings, but for three
things: padding is not among the tokens that penalties count, a ban that would rule out
every token is waived, and what has probability 0 is no hypothesis. What is `suppress`
here are there `suppress_tokens`, or `bad_words_ids` of one token each that is no stop
token; what is `final_token` here is there `forced_eos_token_id`, and `renormalize` is
`renormalize_logits`.
"""

from . import filters
from .beam import Beams, Hypothesis, beam_search
from .incremental import Incremental
from .sampling import GREEDY, Sampling, explain
from .stopping import Reason, StoppingText
from .writing import Completion, Step, generate, stream

__all__ = [
    "Incremental",
    "Sampling",
    "GREEDY",
    "explain",
    "generate",
    "stream",
    "Completion",
    "Step",
    "Reason",
    "StoppingText",
    "Beams",
    "beam_search",
    "Hypothesis",
    "filters",
]
