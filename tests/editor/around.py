"""The recipe that the cases of completion and hover stand in."""

HEAD = """recipe small { }
model base { hub = "a/b" }
dataset chats { path = "chats.jsonl" }
dataset pairs { path = "pairs.jsonl"; format = preference }
mixture talk { chats = all }
template chat { builtin = chatml }
stage sft {
  init = base
  method = sft
  data = talk
  optim = adamw(lr = 1e-4)
  sweep {
    optim.lr = [1e-5, 3e-5]
    pick = min(eval_loss)
  }
}
eval first {
  of = [base, sft]
  tasks = [ifeval]
  task words { data = chats }
}
"""
