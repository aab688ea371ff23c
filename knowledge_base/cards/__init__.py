"""Cards 问答卡片: reviewed questions and answers in plain words. Read from files, held against the law, shown as answers."""
