export class DataLoader {}
