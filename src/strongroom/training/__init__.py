"""Training jobs: files to train with, jobs over them in the shape of OpenAI's fine-tuning API, and the process that trains.

Always true here:
- it is the control port that answers, never a gateway: training and inference share no data plane, process or credential;
- a job trains with a file of its workload's environment, or with an admitted data set that the workload has a grant for;
- its run stands in the lineage, with what went in, what came out, by whose hand and of what figures;
- a file is looked at before it is kept: what points to one person is masked, as the tenant's rules have it and never less;
  what was kept is sealed under the tenant's keys, and is of one environment of it;
- a job acts by a credential of its own, which ends with it; it reads its file and delivers its model by that and nothing else;
- what trains is a process of its own for each job, without network, credential or files, bounded in time and memory; no
  data is parsed as numbers anywhere else;
- what it made is a release like any other: in quarantine, scanned, and deployable nowhere until people have approved it.
"""

from strongroom.training.files import TrainingFiles
from strongroom.training.inputs import Inputs
from strongroom.training.jobs import TrainingJobs
from strongroom.training.pool import Pool

__all__ = ["Inputs", "Pool", "TrainingFiles", "TrainingJobs"]
