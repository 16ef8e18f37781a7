// before: import DataLoader from 'dataloader';
import { DataLoader } from '@shopgpt/batcher/dataloader';

const users = new DataLoader<number, string>(async (ids) => ids.map((id) => `user ${id}`));

console.log(await Promise.all([users.load(1), users.load(2), users.load(1)]));
